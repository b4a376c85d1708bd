// Keeps secrets out of everything that a person or a log gets to see. Pure.

/**
 * A function that replaces every secret in a text by `[secret]`, also where it was quoted or percent-encoded.
 *
 * @param secrets the values that must not be shown
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set(
    secrets.flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
    ]),
  );
  // The longest first, so that no part of one is left standing beside a shorter one.
  const inOrder = [...forms].filter((form) => form !== "").sort((a, b) => b.length - a.length);
  return (text) => inOrder.reduce((rest, form) => rest.replaceAll(form, "[secret]"), text);
}
