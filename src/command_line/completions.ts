export function printCompletions(_a: unknown, _b: string): 0 {
  return 0;
}
