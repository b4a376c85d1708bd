// Any environment of the hook results in exactly one event, which is readable and safe to display.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import type { SessionEvent } from "../../src/event.ts";
import { statePaths } from "../../src/paths.ts";
import { notificationOf } from "../../src/send/render.ts";
import { services } from "../../src/services/registry.ts";
import { Inbox, INBOX_START } from "../../src/intake/inbox.ts";
import { answerTo, FORMS, serviceFor } from "../helpers/compliance.ts";
import { configFor, endToEnd, send } from "../helpers/end_to_end.ts";
import { HOSTILE_TEXTS, judgedEvent, messageWith } from "../helpers/fixtures.ts";
import type { TestHost } from "../helpers/host.ts";
import { discordLike } from "../helpers/receivers.ts";
import { SPECS } from "../helpers/service_specs.ts";

const RUNS = 80;

const NAMES = ["PAM_USER", "PAM_RHOST", "PAM_TTY", "PAM_SERVICE", "SSH_CONNECTION", "SSH_AUTH_INFO_0"];

// Without LANG and similar variables, which can end the runtime before our code starts: see layers.test.ts.
const OTHER_NAMES = [
  "PAM_TYPE",
  "PAM_RUSER",
  "NO_COLOR",
  "JOURNAL_STREAM",
  "DENO_DIR",
  "TZ",
  "HOME",
  "PATH",
  "",
  "--help",
];

/** The longest string that the kernel passes on is 128 KiB (MAX_ARG_STRLEN, execve(2)), with its name. */
const MAX_VALUE_BYTES = 100_000;

/** The bytes of a value; the kernel truncates it at the first NUL. */
const value = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS).map((text) => new TextEncoder().encode(text)),
  fc.string({ unit: "binary", maxLength: 300 }).map((text) => new TextEncoder().encode(text)),
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom("--state-dir", "-1", "x' OR 1=1; --", '"}\n{"type":"close"', "\r\nX-Header: 1", "%00", "203.0.113.7")
    .map((text) => new TextEncoder().encode(text)),
).map((bytes) => bytes.filter((byte) => byte !== 0).subarray(0, MAX_VALUE_BYTES));

const entry = (names: readonly string[]) => fc.tuple(fc.constantFrom(...names), value);

/** The variables of a user, followed by those that pam_exec sets. */
const environment = fc.tuple(
  fc.array(entry([...NAMES, ...OTHER_NAMES]), { maxLength: 8 }),
  fc.subarray(NAMES).chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), value)))),
).map(([users, pams]) => [...users, ...pams, ["PAM_TYPE", new TextEncoder().encode("open_session")] as const]);

endToEnd("each hostile environment gives one readable event, harmless in every service's payload", async (host) => {
  await using discord = discordLike();
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  await Deno.copyFile(new URL("../helpers/exec_raw.pl", import.meta.url), host.path("/run/exec_raw.pl"));
  // Seeded, so that a failure can be reproduced.
  for (const [index, variables] of fc.sample(environment, { numRuns: RUNS, seed: 4711 }).entries()) {
    const entries = variables.map(([name, bytes]) => [...new TextEncoder().encode(`${name}=`), ...bytes]);
    const stdin = entries.map((entry) => `${Uint8Array.from(entry).toHex()}\n`).join("");
    const { code, stdout, stderr } = await host.run(
      ["perl", "/run/exec_raw.pl", "/usr/sbin/ssh-session-notifier", "queue"],
      { stdin },
    );
    assert.deepEqual([code, stdout, stderr], [0, "", ""], `environment ${index}`);
  }

  const events = readQueue(host);
  assert.equal(events.length, RUNS);
  assert.deepEqual(events.filter(({ type }) => type !== "open"), []);
  for (const event of events) {
    const notification = notificationOf(judgedEvent(event), { name: "example.com", timezone: "Etc/UTC" });
    for (const [name, registered] of services) {
      const spec = SPECS[name];
      assert.ok(spec !== undefined, name);
      for (const form of FORMS) {
        const request = serviceFor({ registered, spec }).render(messageWith(notification), { form, nowMs: Date.now() });
        const { status, body } = await answerTo(request, spec);
        assert.ok(status < 300, `${name}, ${form}: ${status} ${body} to ${JSON.stringify(request)}`);
      }
    }
  }

  const { code, stderr } = await send(host);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(discord.received.length, discord.accepted.length);
});

/** The events that send would read, from a copy, because SQLite cannot resolve paths in the host. */
function readQueue(host: TestHost): readonly SessionEvent[] {
  const paths = statePaths(Deno.makeTempDirSync({ prefix: "hostile-test-" }));
  try {
    Deno.mkdirSync(paths.databaseDir, { recursive: true });
    Deno.mkdirSync(paths.sendDir);
    for (const suffix of ["", "-wal", "-shm"]) {
      Deno.copyFileSync(host.path(`${statePaths().queueDatabase}${suffix}`), `${paths.queueDatabase}${suffix}`);
    }
    const inbox = new Inbox(paths);
    const { events = [] } = inbox.read(INBOX_START, 10 * RUNS) ?? {};
    inbox.close();
    return events;
  } finally {
    Deno.removeSync(paths.queueDir.replace(/\/queue$/, ""), { recursive: true });
  }
}
