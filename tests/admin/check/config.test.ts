import assert from "node:assert/strict";
import { inspectAllowlist, inspectFilesOf } from "../../../src/admin/check/config.ts";
import { Findings } from "../../../src/admin/check/finding.ts";
import type { AllowRule } from "../../../src/session/allowlist.ts";
import { assertAllFound } from "../../helpers/findings.ts";

const FOLDER = "/etc/ssh-session-notifier";
const SENDER = { uid: 902, gids: [902, 901] };

type Owner = readonly [uid: number, gid: number, mode: number];

function found(file: Owner, folder: Owner = [0, 902, 0o750]): string[] {
  const findings = new Findings();
  const look = (path: string) => {
    const [uid, gid, mode] = path.endsWith("/token") ? file : folder;
    return { uid, gid, mode, isDirectory: !path.endsWith("/token") } as Deno.FileInfo;
  };
  inspectFilesOf({ files: [`${FOLDER}/my secrets/token`] }, { look, sender: SENDER, findings });
  return findings.all.map(({ level, id, hint }) => `${level} ${id}: ${hint}`);
}

Deno.test("inspectFilesOf() reports files that the user of send cannot read, with a command to fix it", () => {
  const token = `'${FOLDER}/my secrets/token'`;
  const folder = `'${FOLDER}/my secrets'`;
  const hintFile = `fault config.file-not-readable: chown root:ssh-session-notifier ${token} && chmod 0640 ${token}`;
  const hintFolder =
    `fault config.file-not-readable: chown root:ssh-session-notifier ${folder} && chmod 0750 ${folder}`;
  for (
    const file of [[0, 902, 0o640], [902, 0, 0o400], [0, 0, 0o644], [0, 901, 0o040], [902, 902, 0o600]] as const
  ) assert.deepEqual(found(file), [], JSON.stringify(file));
  for (
    const file of [[0, 0, 0o600], [0, 0, 0o640], [0, 902, 0o600], [902, 0, 0o044], [0, 902, 0o604]] as const
  ) assert.deepEqual(found(file), [hintFile], JSON.stringify(file));
  assert.deepEqual(found([0, 902, 0o640], [0, 0, 0o700]), [hintFolder]);
  assert.deepEqual(found([0, 902, 0o640], [0, 902, 0o640]), [hintFolder]);
  assert.deepEqual(found([0, 0, 0o600], [0, 0, 0o700]), [hintFolder, hintFile]);
});

Deno.test("inspectAllowlist() warns about expired rules only", () => {
  const nowMs = Date.UTC(2027, 0, 3);
  const rule = (index: number, expiresAtMs?: number): AllowRule => ({
    place: `allowlist.rules.${index}`,
    reason: `reason ${index}`,
    users: ["alice"],
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  });
  const findings = new Findings();
  inspectAllowlist([rule(0), rule(1, nowMs), rule(2, nowMs + 1), rule(3, Date.UTC(2027, 0))], { nowMs, findings });
  assertAllFound(findings.all, [
    ["warning config.rule-expired", "allowlist.rules.1", '"reason 1"', "0 s ago"],
    ["warning config.rule-expired", "allowlist.rules.3", '"reason 3"', "2 d ago"],
  ]);
});
