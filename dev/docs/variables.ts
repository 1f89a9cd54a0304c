import { z } from 'zod';
import { schema as chatWorker } from '../../services/chat-worker/src/config.ts';
import { schema as gateway } from '../../services/gateway/src/config.ts';
import { schema as ingestWorker } from '../../services/ingest-worker/src/config.ts';
import { schema as offlineModel } from '../offline-model/config.ts';
import { GROUPS, WITHOUT_SCHEMA, type Group } from './configuration-groups.ts';

/** An environment variable, as the reference shows it. Texts are Markdown. */
export interface Variable {
  name: string;
  /** Who reads it. */
  readers: string[];
  /** What its value must be, such as `whole number, 1 to 64`. */
  type: string;
  /** As it would be written; undefined where there is none or readers have different ones. */
  default?: string | undefined;
  /** What holds when it has no default. */
  unset?: string | undefined;
  /** What `npm start` does instead of the default. */
  npmStart?: string | undefined;
  isRequired?: boolean;
  secret: boolean;
  description: string;
}

/** The reference cannot be written: something is missing in a schema or in the groups. */
export class MissingText extends Error {}

const SCHEMAS: Record<string, z.ZodObject> = {
  gateway,
  'chat-worker': chatWorker,
  'ingest-worker': ingestWorker,
  // Its HOST and PORT are its own business: npm start and docker-compose.yml set them.
  'offline model': offlineModel.omit({ HOST: true, PORT: true }),
};

/** What `.meta` and the type of a variable come to. */
const propertySchema = z.object({
  type: z.string(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  format: z.string().optional(),
  default: z.union([z.string(), z.number(), z.array(z.unknown())]).optional(),
  description: z.string().optional(),
  kind: z.string().optional(),
  secret: z.boolean().default(false),
  unset: z.string().optional(),
  npmStart: z.string().optional(),
});
type Property = z.output<typeof propertySchema>;

/**
 * Reads the variables of all schemas, group by group.
 *
 * @param schemas by who reads them
 * @throws {MissingText} naming each variable without a description or a group, and each name in a group that is none
 */
export function readVariables(schemas = SCHEMAS): { group: Group; variables: Variable[] }[] {
  const variables = new Map<string, Variable>(WITHOUT_SCHEMA.map((variable) => [variable.name, variable]));
  for (const [reader, schema] of Object.entries(schemas)) addVariables(variables, reader, schema);

  const named = GROUPS.flatMap(({ names }) => names);
  const problems = [
    ...[...variables.values()]
      .filter(({ description }) => description === '')
      .map(({ name }) => `${name} has no description: give it .describe() or .meta() in its config.ts`),
    ...[...variables.keys()]
      .filter((name) => !named.includes(name))
      .map((name) => `${name} is in no group: add it to dev/docs/configuration-groups.ts`),
    ...named
      .filter((name, at) => !variables.has(name) || named.indexOf(name) !== at)
      .map((name) => `${name} in dev/docs/configuration-groups.ts is there twice, or no process reads it`),
  ];
  if (problems.length > 0) throw new MissingText(problems.join('\n'));
  return GROUPS.map((group) => ({ group, variables: group.names.map((name) => variables.get(name)!) }));
}

function addVariables(variables: Map<string, Variable>, reader: string, schema: z.ZodObject): void {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  for (const [name, value] of Object.entries(json.properties ?? {})) {
    const property = propertySchema.parse(value);
    const known = variables.get(name);
    if (known) {
      known.readers.push(reader);
      if (known.default !== showDefault(property)) {
        known.unset ??= `${known.default} (${known.readers[0]})`;
        known.unset += `, ${showDefault(property)} (${reader})`;
        known.default = undefined;
      }
      continue;
    }
    variables.set(name, {
      name,
      readers: [reader],
      type: describeType(property),
      default: showDefault(property),
      unset: property.unset,
      npmStart: property.npmStart,
      isRequired: json.required?.includes(name) ?? false,
      secret: property.secret,
      description: property.description ?? '',
    });
  }
}

function showDefault({ default: value }: Property): string | undefined {
  if (value === undefined || value === '') return undefined;
  return Array.isArray(value) ? JSON.stringify(value) : String(value);
}

function describeType({ type, enum: choices, minimum, maximum, format, kind }: Property): string {
  if (kind !== undefined) return kind;
  if (choices) return choices.map((choice) => `\`${choice}\``).join(', ');
  if (type === 'integer') return `whole number, ${showNumber(minimum)} to ${showNumber(maximum)}`;
  if (type === 'number') return `number, ${showNumber(minimum)} to ${showNumber(maximum)}`;
  return format === 'uri' ? 'URL' : 'text';
}

const showNumber = (value: number | undefined) => value?.toLocaleString('en-US') ?? 'any';
