// Finds the small changes of a source text that a test should notice. Pure.

// Has the compiler of TypeScript. Not `npm:typescript`: it is an optional peer of valibot, so the lock file would make it
// a dependency of the program.
import { ts } from "npm:@ts-morph/common@0.28.1";

/** One small change of a source text. */
export interface Mutation {
  /** What kind of change it is, a few words. */
  readonly kind: string;
  /** The changed part, as offsets in the text. */
  readonly start: number;
  readonly end: number;
  /** What replaces it. */
  readonly text: string;
}

/** Operators that are exchanged, with the kind of the change. */
const OPERATORS: Readonly<Record<string, readonly [kind: string, others: readonly string[]]>> = {
  "||": ["the other logical operator", ["&&"]],
  "&&": ["the other logical operator", ["||"]],
  "<": ["a comparison", ["<="]],
  "<=": ["a comparison", ["<"]],
  ">": ["a comparison", [">="]],
  ">=": ["a comparison", [">"]],
  "===": ["a comparison", ["!=="]],
  "!==": ["a comparison", ["==="]],
};

/** Methods whose call is dropped: `list.filter(f)` becomes `list`. */
const DROPPED = /^(filter|flat|reverse|slice|sort|toReversed|toSorted|toWellFormed|trim|trimEnd|trimStart)$/;

/** Methods that are exchanged. */
const METHODS: Readonly<Record<string, string>> = { some: "every", every: "some", min: "max", max: "min" };

const IS_SQL = /\b(SELECT|INSERT|UPDATE|DELETE|ORDER BY)\b/;

/** Words of SQL that are exchanged. */
const SQL: readonly (readonly [pattern: RegExp, text: string])[] = [
  [/ AND /g, " OR "],
  [/ IS NULL\b/g, " IS NOT NULL"],
  [/ IS NOT NULL\b/g, " IS NULL"],
  [/ DESC\b/g, ""],
  [/ <= /g, " < "],
  [/ < /g, " <= "],
  [/ >= /g, " > "],
  [/ > /g, " >= "],
  [/\bmin\(/g, "max("],
  [/\bmax\(/g, "min("],
];

/** All mutations of a TypeScript source text, in no particular order. */
export function mutationsOf(source: string): Mutation[] {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
  const mutations: Mutation[] = [];
  const add = (kind: string, part: ts.Node | Span, text: string) => {
    const span = "kind" in part ? { start: part.getStart(file), end: part.end } : part;
    mutations.push({ kind, ...span, text });
  };
  const visit = (node: ts.Node): void => {
    // Neither exists when the program runs.
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node)) return;
    mutate(node, { add });
    ts.forEachChild(node, visit);
  };
  visit(file);
  return mutations;
}

/** Applies a mutation to the text that it was found in. */
export function mutated(source: string, { start, end, text }: Mutation): string {
  return source.slice(0, start) + text + source.slice(end);
}

/** A part of the source text, as offsets. */
type Span = Pick<Mutation, "start" | "end">;

interface Context {
  readonly add: (kind: string, part: ts.Node | Span, text: string) => void;
}

function mutate(node: ts.Node, context: Context): void {
  const { add } = context;
  if (ts.isBinaryExpression(node)) {
    const [kind = "", others = []] = OPERATORS[node.operatorToken.getText()] ?? [];
    for (const other of others) add(kind, node.operatorToken, other);
  } else if (ts.isIfStatement(node) || ts.isWhileStatement(node)) {
    add("a negated condition", node.expression, `!(${node.expression.getText()})`);
    if (ts.isIfStatement(node) && node.elseStatement === undefined) add("a removed if", node, "{}");
  } else if (ts.isConditionalExpression(node)) {
    add("a negated condition", node.condition, `!(${node.condition.getText()})`);
  } else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
    add("a removed negation", node, `(${node.operand.getText()})`);
  } else if (ts.isExpressionStatement(node)) {
    add("a removed statement", node, ";");
  } else if (ts.isAwaitExpression(node)) {
    add("a removed await", node, node.expression.getText());
  } else if (ts.isNumericLiteral(node)) {
    mutateNumber(node, context);
  } else if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    mutateCall(node.expression, { call: node, context });
  } else if (ts.isStringLiteral(node)) {
    if (!ts.isPropertyAssignment(node.parent) || node.parent.name !== node) mutateString(node, context);
  } else if (isTemplatePart(node)) {
    mutateSql(node, context);
  }
}

function mutateNumber(node: ts.NumericLiteral, { add }: Context): void {
  const value = Number(node.getText().replaceAll("_", ""));
  if (!Number.isSafeInteger(value)) return;
  for (const other of [value + 1, value - 1, value * 10]) {
    // A negative number needs parentheses after an operator.
    if (other !== value) add("a number", node, other < 0 ? `(${other})` : `${other}`);
  }
}

function mutateCall(
  callee: ts.PropertyAccessExpression,
  { call, context: { add } }: { call: ts.CallExpression; context: Context },
): void {
  const name = callee.name.text;
  if (DROPPED.test(name)) add("a dropped method", call, callee.expression.getText());
  const other = METHODS[name];
  if (other !== undefined) add("another method", callee.name, other);
}

function mutateString(node: ts.StringLiteral, context: Context): void {
  if (IS_SQL.test(node.text)) mutateSql(node, context);
  else if (node.text !== "") context.add("an emptied string", node, '""');
}

function isTemplatePart(node: ts.Node): node is ts.TemplateHead | ts.TemplateMiddle | ts.TemplateTail {
  return ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) ||
    ts.isTemplateTail(node);
}

/** Exchanges single words of SQL. A part of a template is SQL if the whole template is. */
function mutateSql(node: ts.Node, { add }: Context): void {
  const whole = ts.isTemplateMiddle(node) || ts.isTemplateTail(node)
    ? node.parent.parent
    : ts.isTemplateHead(node)
    ? node.parent
    : node;
  if (!IS_SQL.test(whole.getText())) return;
  for (const [pattern, other] of SQL) {
    for (const { index, 0: { length } } of node.getText().matchAll(pattern)) {
      add("SQL", { start: node.getStart() + index, end: node.getStart() + index + length }, other);
    }
  }
}
