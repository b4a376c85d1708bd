// The form of a key's fingerprint.

/** What a text must be that {@link isFingerprint} takes, in words. */
export const FINGERPRINT_FORM = "a fingerprint as ssh-keygen -lf shows it: SHA256: and 43 characters, without = behind";

/**
 * Whether a text is a fingerprint as `ssh-keygen -lf` shows it. Any other form would never match: MD5, hexadecimal,
 * padding, or a typo that leaves bits over in the last of the characters.
 */
export function isFingerprint(text: string): boolean {
  return /^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/.test(text);
}
