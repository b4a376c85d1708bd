// The PAM lines of ssh-session-notifier(8), taken from install.sh, which writes them.

import { ROOT } from "../../.ci/checkout.ts";

/** The lines that go before and after the others of the session stack. */
export async function pamBlocks(): Promise<{ readonly first: string; readonly last: string }> {
  const installer = await Deno.readTextFile(`${ROOT}/install.sh`);
  const variables = new Map(
    [...installer.matchAll(/^([A-Z_]+)=(?:"(.*)"|(\S+))$/gm)].map(([, name = "", quoted, bare]) =>
      [name, (quoted ?? bare ?? "").replaceAll("\\`", "`")] as const
    ),
  );
  const block = (name: string) => {
    let text = new RegExp(`^${name}\\(\\) \\{\n  cat <<END\n([^]*?)\nEND$`, "m").exec(installer)?.[1] ?? "";
    if (text === "") throw new Error(`Cannot show the PAM lines as install.sh has no ${name}`);
    for (let depth = 0; depth < 3; depth++) {
      text = text.replaceAll(/\$([A-Z_]+)/g, (whole, variable) => variables.get(variable) ?? whole);
    }
    return text;
  };
  return { first: block("pam_first"), last: block("pam_last") };
}
