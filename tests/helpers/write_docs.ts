// Generates parts of the documentation: the text between marker comments in the manual pages and the README, and the
// files in tests/testdata/messages. tests/man/pages.test.ts checks that they are up to date.
// `deno run -A tests/helpers/write_docs.ts`

import { explanation, loginFor } from "../../src/admin/explain.ts";
import { parseConfig } from "../../src/config/config.ts";
import { services } from "../../src/services/registry.ts";
import { NOTHING_KNOWN } from "../../src/session/seen.ts";
import { ROOT } from "../../.ci/checkout.ts";
import { commandLines, synopsisLines } from "./command_docs.ts";
import { keyLines } from "./config_docs.ts";
import { idLines } from "./id_docs.ts";
import { display, displaysOf, withParts } from "./mdoc.ts";
import { pamBlocks } from "./pam_docs.ts";
import { messageExamples, sentenceExamples, serviceLines } from "./service_docs.ts";

const ROFF_COMMENT = ['.\\" ', ""] as const;
const MARKDOWN_COMMENT = ["<!-- ", " -->"] as const;

/** The up-to-date text of every file that is generated or has generated parts, by its path in the checkout. */
export async function documents(): Promise<ReadonlyMap<string, string>> {
  const main = "src/man/ssh-session-notifier.8";
  const configuration = "src/man/ssh-session-notifier.toml.5";
  const pam = pamBlocks();
  const configurationPage = await Deno.readTextFile(`${ROOT}/${configuration}`);
  return new Map([
    [
      main,
      withParts(await Deno.readTextFile(`${ROOT}/${main}`), {
        parts: {
          synopsis: synopsisLines(),
          commands: commandLines(),
          sentences: display(Object.values(sentenceExamples()).join("\n")),
          "pam-first": display(pam.first),
          "pam-last": display(pam.last),
          ids: idLines(),
        },
        comment: ROFF_COMMENT,
      }),
    ],
    [
      configuration,
      withParts(configurationPage, {
        parts: {
          keys: keyLines(),
          services: serviceLines(),
          explain: display(explainExample(configurationPage)),
        },
        comment: ROFF_COMMENT,
      }),
    ],
    [
      "README.md",
      withParts(await Deno.readTextFile(`${ROOT}/README.md`), {
        parts: { notification: notificationLines(), check: await checkLines() },
        comment: MARKDOWN_COMMENT,
      }),
    ],
    ...[...services.values()].map((service) =>
      [`tests/testdata/messages/${service.name}.txt`, messageExamples(service)] as const
    ),
  ]);
}

/** What `explain` prints, by the routes and the rule that the page shows. */
function explainExample(page: string): string {
  const examples = displaysOf(page).filter((text) => /^\[(routes\.oncall|\[allowlist\.rules\])\]$/m.test(text));
  const config = parseConfig(examples.join("\n"), {
    hostName: () => "example.com",
    readBeside: (path) => ({ text: path.endsWith(".url") ? "https://discord.com/api/webhooks/1/token" : "tk_token" }),
  });
  const nowMs = Date.UTC(2026, 10, 23);
  const login = loginFor({ user: "alice", ip: "203.0.113.7", service: "sshd" }, nowMs);
  const known = () => ({ ...NOTHING_KNOWN, firstEventAtMs: nowMs - 1 });
  return [
    "# ssh-session-notifier explain --user alice --ip 203.0.113.7",
    ...explanation(login, { config, known, nowMs }),
  ].join("\n");
}

function notificationLines(): string[] {
  return ["", `    ${sentenceExamples()["An unexpected login"]}`, ""];
}

/** Some of the lines that `check` prints, which tests/e2e/install.test.ts compares with those of a real host. */
async function checkLines(): Promise<string[]> {
  const lines = (await Deno.readTextFile(`${ROOT}/tests/testdata/check.txt`)).trimEnd().split("\n");
  const shown = ["binary.setgid ", "pam.hook-order ", "delivery.last "].flatMap((id) =>
    lines.filter((line) => line.includes(` ${id}`)).flatMap((line) => [line, "..."])
  );
  return ["", ...["# ssh-session-notifier check", ...shown].map((line) => `    ${line}`), ""];
}

if (import.meta.main) {
  for (const [path, text] of await documents()) await Deno.writeTextFile(`${ROOT}/${path}`, text);
}
