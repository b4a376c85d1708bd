export function printManPage(_a: unknown): 0 {
  return 0;
}
