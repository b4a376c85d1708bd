// What is wrong with a mail as it would be sent: lines, lengths and characters that servers refuse, and headers that
// events could add. Reads it with a parser that is not nodemailer's.

import PostalMime from "npm:postal-mime@4.0.0";
import type { MailRequest } from "../../src/services/service.ts";
import { encoded } from "../../src/transport/smtp.ts";

/** The headers of a mail, in lower case. */
const HEADERS = [
  ...["from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "x-priority"],
  ...["importance", "mime-version", "content-type", "content-transfer-encoding"],
];

/** The longest line of a header (RFC 5322, section 2.1.1) and of the text (RFC 2045, section 6.7), in bytes. */
const LINE = { header: 998, text: 76 };

/** The longest mail that every server accepts, in bytes (RFC 5321, section 4.5.3.1.7). */
const MAX_BYTES = 64 * 1024;

/** The faults of a mail; empty if it is sound. */
export async function mailFaults(request: MailRequest): Promise<string[]> {
  const bytes = new Uint8Array(await encoded(request));
  const raw = new TextDecoder("latin1").decode(bytes);
  const end = raw.indexOf("\r\n\r\n");
  const [head, text] = [raw.slice(0, end).split("\r\n"), raw.slice(end + 4).split("\r\n")];
  const mail = await PostalMime.parse(bytes);
  const names = mail.headers.map(({ key }) => key);
  const faults: Record<string, boolean> = {
    "too long": bytes.length > MAX_BYTES,
    "not ASCII": /[^\r\n\t -~]/.test(raw),
    "a bare line break": /\r(?!\n)|(?<!\r)\n/.test(raw),
    "a long header": head.some(({ length }) => length > LINE.header),
    "a long line": text.some(({ length }) => length > LINE.text),
    "an unknown header": names.some((name) => !HEADERS.includes(name)),
    "a header twice": new Set(names).size < names.length,
    "another subject": visible(mail.subject) !== visible(request.headers["Subject"]),
    "another text": visible(mail.text) !== visible(request.text),
    "another recipient": mail.to?.map((one) => one.address).join() !== request.envelope.to.join(),
    "another sender": mail.from?.address !== request.envelope.from,
    "no id": !/^<[\w.-]+@[\w.-]+>$/.test(mail.messageId ?? ""),
    "no date": Number.isNaN(Date.parse(mail.date ?? "")),
  };
  return Object.entries(faults).filter(([, isSo]) => isSo).map(([fault]) => fault);
}

/** A text without the characters that parsers may drop: a byte order mark, and spaces at the end. */
function visible(text = ""): string {
  return text.replaceAll("\uFEFF", "").trim();
}
