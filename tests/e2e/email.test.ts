// Mails of the compiled program: to Debian's Exim as it is installed, and to a server with TLS and a login.

import assert from "node:assert/strict";
import PostalMime from "npm:postal-mime@4.0.0";
import { makeCertificates } from "../helpers/certificates.ts";
import { endToEnd, PAM_OPEN, queue, send, shell } from "../helpers/end_to_end.ts";
import { MailReceiver } from "../helpers/mail_receiver.ts";
import { SECRET } from "../helpers/receivers.ts";

const CONFIG_DIR = "/etc/ssh-session-notifier";

function configWith(options: string, rest = ""): string {
  return `[host]\nname = "büro"\n[notification]\nservice = "email"\n${rest}\n[notification.email]\n${options}\n`;
}

/** The mails in a mailbox (mbox, RFC 4155), oldest first. */
function mailsIn(mailbox: string): string[] {
  return mailbox.split(/^From .*\n/m).filter((mail) => mail !== "");
}

endToEnd("Debian's Exim takes the mails on localhost:25 without any option, and delivers them", async (host) => {
  await host.writeConfig(configWith(`to = ["alice@localhost", "bob@localhost"]`));
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();
  const user = "zoë\u202Eevil\r\nBcc: root@localhost\r\n\r\n.\r\nQUIT";
  assert.equal((await queue(host, { env: { ...PAM_OPEN, PAM_USER: user } })).code, 0);
  // A network of its own: nothing else may listen on port 25, and nothing outside is reached.
  const script = `
    ip link set lo up
    update-exim4.conf
    exim4 -bdf & exim=$!
    until (exec 3<>/dev/tcp/127.0.0.1/25) 2>/dev/null; do kill -0 $exim; sleep 0.05; done
    runuser -u ssh-session-notifier -- /usr/sbin/ssh-session-notifier send --verbose
    until [ "$(grep -cs '^From ' /var/mail/bob)" = 3 ] && [ "$(grep -cs '^From ' /var/mail/alice)" = 3 ]; do
      kill -0 $exim; sleep 0.05
    done
    kill $exim; wait $exim || true`;
  const { code, stdout, stderr } = await host.run(["unshare", "--net", "bash", "-ec", script]);
  assert.equal(code, 0, `${stdout}${stderr}${await shell(host, "cat /var/log/exim4/* || true")}`);
  const mails = await Promise.all(
    mailsIn(await Deno.readTextFile(host.path("/var/mail/bob"))).map((raw) => PostalMime.parse(raw)),
  );
  const byId = new Map(mails.map((mail) => [mail.messageId, mail]));
  const logout = mails.find(({ subject }) => subject?.includes("logout"));
  assert.match(logout?.subject ?? "", /^SSH logout from büro: alice from 127\.0\.0\.1$/);
  assert.match(
    byId.get(logout?.inReplyTo)?.text ?? "",
    /'alice' \(127\.0\.0\.1\) logged in to büro via ssh \(sshd\)/,
  );
  for (const { headers, from, to } of mails) {
    assert.deepEqual([from?.address, to?.map(({ address }) => address)], [
      "ssh-session-notifier@localhost",
      ["alice@localhost", "bob@localhost"],
    ]);
    assert.equal(headers.find(({ key }) => key === "auto-submitted")?.value, "auto-generated");
    assert.ok(!headers.some(({ key }) => key === "bcc"));
  }
  const hostile = mails.find(({ subject }) => subject?.includes("zo"));
  assert.match(hostile?.text ?? "", /zoë\uFFFDevil\uFFFD\uFFFDBcc: root@localhost/);
  assert.equal(await host.has("/var/mail/root"), false);
});

endToEnd("STARTTLS, TLS and a login work in the sandbox, by a name and with ca_file", async (host) => {
  const { ca, ...certificate } = await makeCertificates("DNS:mail.example");
  const login = { user: "alerts@example.com", password: SECRET };
  await using starttls = await MailReceiver.start({ certificates: { ca, ...certificate }, login });
  await using tls = await MailReceiver.start({ certificates: { ca, ...certificate }, login, secure: true });
  await shell(host, "echo '127.0.0.1 mail.example' >>/etc/hosts");
  await Deno.writeTextFile(host.path(`${CONFIG_DIR}/ca.pem`), ca);
  await Deno.writeTextFile(host.path(`${CONFIG_DIR}/mail.password`), `${SECRET}\n`);
  await shell(host, `chown root:ssh-session-notifier ${CONFIG_DIR}/* && chmod 0640 ${CONFIG_DIR}/*`);
  const options = (port: number) =>
    `to = "admin@example.com"\nserver = "mail.example"\nport = ${port}\nuser = "${login.user}"\n` +
    `password_file = "${CONFIG_DIR}/mail.password"`;
  const trust = `ca_file = "${CONFIG_DIR}/ca.pem"`;

  assert.equal((await queue(host)).code, 0);
  await host.writeConfig(configWith(options(starttls.port), trust));
  const first = await send(host);
  assert.deepEqual([first.code, first.stderr], [0, ""]);
  assert.equal((await queue(host)).code, 0);
  await host.writeConfig(configWith(`${options(tls.port)}\ntls = "tls"`, trust));
  const second = await send(host);
  assert.deepEqual([second.code, second.stderr], [0, ""]);
  for (const { mails } of [starttls, tls]) {
    assert.deepEqual(mails.map(({ user, isEncrypted }) => [user, isEncrypted]), [[login.user, true]]);
    assert.deepEqual(mails.map(({ from }) => from), [login.user]);
  }

  // Without trust in its CA, nothing is sent, and the reason says what to do.
  await host.writeConfig(configWith(options(starttls.port)));
  const { code, stdout } = await host.run(["/usr/sbin/ssh-session-notifier", "test"]);
  assert.equal(code, 75, stdout);
  assert.match(stdout, /a CA that this host trusts; install ca-certificates, or set ca_file/);
  assert.equal(starttls.mails.length, 1);
});
