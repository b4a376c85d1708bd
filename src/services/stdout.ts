// Standard output, for trials and for the systemd journal.

import * as v from "valibot";
import { sentence } from "./wording.ts";
import type { Service } from "./service.ts";

const options = v.strictObject({});

/**
 * The `stdout` service: one plain sentence per event and line, for programs that read the journal. It needs no section in
 * the configuration.
 */
export const stdout: Service<v.InferOutput<typeof options>> = {
  name: "stdout",
  apiUrl: "https://www.freedesktop.org/software/systemd/man/latest/systemd-journald.service.html",
  options,
  secretOptions: [],
  example: "",
  limits: { text: Infinity, unit: "characters" },
  fitting: (notifications) => notifications.length,
  render: ({ notifications }) => ({ kind: "print", text: notifications.map((one) => sentence(one)).join("\n") }),
  judge: () => ({ kind: "delivered" }),
};
