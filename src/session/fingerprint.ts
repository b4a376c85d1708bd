// The format of a key's fingerprint.

/** Describes the format that {@link isFingerprint} accepts, for messages. */
export const FINGERPRINT_FORM =
  "a fingerprint as shown by ssh-keygen -lf: SHA256: and 43 characters, without a trailing =";

/**
 * Whether a string is a fingerprint as shown by `ssh-keygen -lf`. Other forms would never match: MD5, hexadecimal,
 * padding, or a typo that sets unused bits in the last character.
 */
export function isFingerprint(text: string): boolean {
  return /^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/.test(text);
}
