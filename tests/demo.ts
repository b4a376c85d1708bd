// The main job, live, with no root, no PAM and no network: a login and a logout are recorded by `queue`, delivered by
// `send`, and shown as they arrived at a receiver on loopback. Run it by `deno task demo`.

import { Installation } from "./helpers/program.ts";
import { discordLike } from "./helpers/receivers.ts";

const print = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

await using installation = await Installation.create();
await using discord = discordLike();

await installation.writeConfig(`[host]
timezone = "Pacific/Auckland"
name = "example.com"

[notification]
service = "discord"

[notification.discord]
webhook_url = "${discord.webhookUrl}"
`);

const login = {
  PAM_USER: "alice",
  PAM_RHOST: "203.0.113.7",
  PAM_TTY: "ssh",
  PAM_SERVICE: "sshd",
  SSH_CONNECTION: "203.0.113.7 50022 192.0.2.1 22",
  SSH_AUTH_INFO_0: "password",
};

print("1. sshd opens and closes a session of alice; each time, PAM runs the hook:");
for (const PAM_TYPE of ["open_session", "close_session"]) {
  const { code, stderr } = await installation.queue({ ...login, PAM_TYPE });
  print(`   PAM_TYPE=${PAM_TYPE} ssh-session-notifier queue   -> exit ${code}${stderr}`);
}

print("\n2. What send would deliver:");
const { stdout } = await installation.send("--dry-run");
print(stdout.trimEnd().replace(/^/gm, "   "));

print("\n3. systemd or cron runs send:");
const { code, stderr } = await installation.send("--verbose");
print(`   ssh-session-notifier send --verbose   -> exit ${code}`);
print(stderr.trimEnd().replace(/^/gm, "   "));

print("\n4. What arrived at the Discord-like receiver on loopback:");
for (const { status, path, body } of discord.received) {
  print(`   POST ${path}   -> ${status}`);
  print(JSON.stringify(body, null, 2).replace(/^/gm, "   "));
}

const delivered = discord.accepted.length;
print(
  `\n${
    delivered === 2 && code === 0 ? "Done: both notifications arrived." : "FAILED: not both notifications arrived."
  }`,
);
Deno.exitCode = delivered === 2 && code === 0 ? 0 : 1;
