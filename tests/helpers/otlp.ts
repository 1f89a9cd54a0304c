/** A span as a collector gets it. */
export interface ExportedSpan {
  /** `service.name` of the process. */
  service: string;
  /** Everything that the process says of itself. */
  resource: Record<string, unknown>;
  traceId: string;
  spanId: string;
  /** Empty for the first of a trace. */
  parentId: string;
  name: string;
  kind: string;
  /** Milliseconds since 1970. */
  start: number;
  end: number;
  attributes: Record<string, unknown>;
  events: string[];
  links: { traceId: string; spanId: string }[];
  failed: boolean;
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_ERROR = 2;

/** Decodes the body of a request to `/v1/traces`: `ExportTraceServiceRequest` of opentelemetry-proto 1.x. */
export function decodeTraces(body: Uint8Array): ExportedSpan[] {
  return messages(parse(body), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(resourceSpans, 1)[0] ?? [], 1);
    return messages(resourceSpans, 2)
      .flatMap((scopeSpans) => messages(scopeSpans, 2))
      .map((span) => decodeSpan(span, resource));
  });
}

function decodeSpan(span: Field[], resource: Record<string, unknown>): ExportedSpan {
  const status = messages(span, 15)[0] ?? [];
  return {
    service: String(resource['service.name']),
    resource,
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentId: hex(span, 4),
    name: text(span, 5),
    kind: KINDS[Number(value(span, 6) ?? 0n)] ?? '',
    start: milliseconds(span, 7),
    end: milliseconds(span, 8),
    attributes: attributesOf(span, 9),
    events: messages(span, 11).map((event) => text(event, 2)),
    links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    failed: Number(value(status, 3) ?? 0n) === STATUS_ERROR,
  };
}

function attributesOf(fields: Field[], number: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => [text(pair, 1), anyValue(messages(pair, 2)[0] ?? [])]),
  );
}

/** `AnyValue`: which of its fields is there says what it is. */
function anyValue(fields: Field[]): unknown {
  const [field] = fields;
  if (!field) return undefined;
  switch (field.number) {
    case 1:
      return text(fields, 1);
    case 2:
      return field.value === 1n;
    case 3:
      return Number(BigInt.asIntN(64, field.value as bigint));
    case 4:
      return view(field.value as Uint8Array).getFloat64(0, true);
    case 5:
      return messages(messages(fields, 5)[0] ?? [], 1).map(anyValue);
    default:
      throw new Error(`a value of the kind ${field.number} was not expected`);
  }
}

/** One field of a message: a varint, or bytes (also those of the fixed widths). */
interface Field {
  number: number;
  value: bigint | Uint8Array;
}

function parse(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let result = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('the message ends within a field');
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
  };
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error('the message ends within a field');
    return bytes.subarray(at, (at += length));
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    const wire = tag & 7;
    if (wire === 0) fields.push({ number, value: varint() });
    else if (wire === 1) fields.push({ number, value: take(8) });
    else if (wire === 2) fields.push({ number, value: take(Number(varint())) });
    else if (wire === 5) fields.push({ number, value: take(4) });
    else throw new Error(`the wire type ${wire} was not expected`);
  }
  return fields;
}

function value(fields: Field[], number: number): Field['value'] | undefined {
  return fields.find((field) => field.number === number)?.value;
}

function bytesOf(fields: Field[], number: number): Uint8Array {
  return (value(fields, number) as Uint8Array | undefined) ?? new Uint8Array();
}

function messages(fields: Field[], number: number): Field[][] {
  return fields.filter((field) => field.number === number).map((field) => parse(field.value as Uint8Array));
}

function text(fields: Field[], number: number): string {
  return new TextDecoder().decode(bytesOf(fields, number));
}

function hex(fields: Field[], number: number): string {
  return Buffer.from(bytesOf(fields, number)).toString('hex');
}

function milliseconds(fields: Field[], number: number): number {
  return Number(view(bytesOf(fields, number)).getBigUint64(0, true)) / 1e6;
}

function view({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
