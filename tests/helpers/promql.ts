import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';

/** What there is to ask for: the labels of each series by its name, those of targets not among them. */
export type Catalogue = ReadonlyMap<string, ReadonlySet<string>>;

/** A label and a value that an expression compares it with. */
export interface Comparison {
  metric: string;
  label: string;
  value: string;
}

/** What an expression is about. */
export interface Reading {
  /** Labels that its result may have. */
  labels: ReadonlySet<string>;
  metrics: ReadonlySet<string>;
  comparisons: readonly Comparison[];
}

/** What Prometheus adds to every series that it scrapes. */
export const TARGET_LABELS = ['job', 'instance'];

/** An expression that Prometheus would refuse, or that can have no result. */
export class ExpressionError extends Error {
  constructor(expression: string, problem: string) {
    super(`${problem}, in: ${expression.trim()}`);
    this.name = 'ExpressionError';
  }
}

/**
 * Reads a PromQL expression and holds it against what there is.
 *
 * @throws {ExpressionError} when it does not parse, or asks for a metric or a label that does not exist
 */
export function readExpression(expression: string, catalogue: Catalogue): Reading {
  return new Reader(expression, catalogue).read();
}

class Reader {
  readonly #text: string;
  readonly #catalogue: Catalogue;
  readonly #metrics = new Set<string>();
  readonly #comparisons: Comparison[] = [];

  constructor(text: string, catalogue: Catalogue) {
    this.#text = text;
    this.#catalogue = catalogue;
  }

  read(): Reading {
    const tree = parser.parse(this.#text);
    tree.iterate({
      enter: (node) => {
        if (node.type.isError) throw this.#fail(`does not parse at character ${node.from}`);
      },
    });
    const labels = this.#labelsOf(tree.topNode.firstChild!);
    return { labels, metrics: this.#metrics, comparisons: this.#comparisons };
  }

  #labelsOf(node: SyntaxNode): ReadonlySet<string> {
    switch (node.name) {
      case 'VectorSelector':
        return this.#select(node);
      case 'AggregateExpr':
        return this.#aggregate(node);
      case 'BinaryExpr':
        return this.#combine(node);
      case 'FunctionCall':
        return this.#call(node);
      default: {
        // Numbers, strings, and what stands around one expression: parentheses, ranges, offsets, signs.
        const inner = childrenOf(node).find(isExpression);
        return inner ? this.#labelsOf(inner) : new Set();
      }
    }
  }

  #select(node: SyntaxNode): ReadonlySet<string> {
    const name = node.getChild('Identifier');
    if (!name) throw this.#fail('asks for series without naming the metric');
    const metric = this.#textOf(name);
    const own = this.#catalogue.get(metric);
    if (!own) throw this.#fail(`there is no metric ${metric}`);
    this.#metrics.add(metric);
    const labels = new Set([...own, ...TARGET_LABELS]);
    for (const matcher of node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []) {
      const label = this.#textOf(matcher.getChild('LabelName')!);
      if (!labels.has(label)) throw this.#fail(`${metric} has no label ${label}`);
      const value = this.#textOf(matcher.getChild('StringLiteral')!).slice(1, -1);
      const isRegex = this.#textOf(matcher.getChild('MatchOp')!).includes('~');
      for (const part of isRegex ? value.split('|') : [value])
        this.#comparisons.push({ metric, label, value: part });
    }
    return labels;
  }

  #aggregate(node: SyntaxNode): ReadonlySet<string> {
    const body = childrenOf(node.getChild('FunctionCallBody')!).filter(isExpression).at(-1)!;
    const inner = this.#labelsOf(body);
    const modifier = node.getChild('AggregateModifier');
    if (!modifier) return /^(?:topk|bottomk)/.test(this.#textOf(node)) ? inner : new Set();
    const named = this.#groupingOf(modifier, inner);
    if (modifier.getChild('By')) return new Set(named);
    return new Set([...inner].filter((label) => !named.includes(label)));
  }

  #combine(node: SyntaxNode): ReadonlySet<string> {
    const [left, right] = childrenOf(node)
      .filter(isExpression)
      .map((side) => this.#labelsOf(side)) as [ReadonlySet<string>, ReadonlySet<string>];
    const modifier = node.getChild('MatchingModifierClause');
    if (modifier) for (const side of [left, right]) this.#groupingOf(modifier, side);
    return node.getChild('Or') ? new Set([...left, ...right]) : left.size > 0 ? left : right;
  }

  #call(node: SyntaxNode): ReadonlySet<string> {
    const name = this.#textOf(node.getChild('FunctionIdentifier')!);
    if (name === 'label_replace' || name === 'label_join') throw this.#fail(`${name} is not read here`);
    const parts = childrenOf(node.getChild('FunctionCallBody')!).filter(isExpression);
    const labels = parts.map((part) => this.#labelsOf(part)).findLast(({ size }) => size > 0) ?? new Set();
    // Its result is made up from what the selector asks for, when there is nothing but a selector.
    if (name === 'absent')
      return parts[0]?.name === 'VectorSelector' ? this.#equalities(parts[0]) : new Set();
    if (!name.startsWith('histogram_')) return labels;
    if (!labels.has('le')) throw this.#fail(`${name} needs the label le`);
    return new Set([...labels].filter((label) => label !== 'le'));
  }

  #equalities(selector: SyntaxNode): ReadonlySet<string> {
    const matchers = selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
    const equal = matchers.filter((matcher) => this.#textOf(matcher.getChild('MatchOp')!) === '=');
    return new Set(equal.map((matcher) => this.#textOf(matcher.getChild('LabelName')!)));
  }

  #groupingOf(modifier: SyntaxNode, among: ReadonlySet<string>): string[] {
    const named = modifier
      .getChildren('GroupingLabels')
      .flatMap((labels) => labels.getChildren('LabelName'))
      .map((label) => this.#textOf(label));
    for (const label of named)
      if (!among.has(label)) throw this.#fail(`nothing there has the label ${label}`);
    return named;
  }

  #textOf(node: SyntaxNode): string {
    return this.#text.slice(node.from, node.to);
  }

  #fail(problem: string): ExpressionError {
    return new ExpressionError(this.#text, problem);
  }
}

const NO_EXPRESSION =
  /^(?:FunctionIdentifier|FunctionCallBody|MatchingModifierClause|BoolModifier|AggregateOp|AggregateModifier|LabelMatchers|Identifier|Offset|OffsetDurationExpr|DurationExpr|At|AtModifierPreprocessors)$/;
const isExpression = (node: SyntaxNode) =>
  !NO_EXPRESSION.test(node.name) && /(?:Expr|Selector|Call|Literal)/.test(node.name);

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}
