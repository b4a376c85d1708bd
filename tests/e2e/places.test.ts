// Place databases in the directory that geoipupdate uses, read by the binary in its sandbox.

import assert from "node:assert/strict";
import { configFor, endToEnd, findingsOn, queue, send, shell } from "../helpers/end_to_end.ts";
import { assertFound } from "../helpers/findings.ts";
import type { TestHost } from "../helpers/host.ts";
import { asnRecord, cityRecord, mmdb } from "../helpers/mmdb.ts";
import { ntfyLike } from "../helpers/receivers.ts";
import { underSystemd } from "../helpers/systemd.ts";
import { waitFor } from "../helpers/wait_for.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const SHOWN = "203.0.113.7, Auckland, New Zealand; AS64500 Example Net";
const CITY = "/var/lib/GeoIP/city.mmdb";
const ASN = "/usr/share/GeoIP/asn.mmdb";
const PLACE = `place.databases = ["${CITY}", "${ASN}"]\n`;

async function install(host: TestHost): Promise<void> {
  const [city, asn] = [cityRecord("Auckland", "New Zealand", "NZ"), asnRecord(64_500, "Example Net")];
  await shell(host, "mkdir -p /var/lib/GeoIP /usr/share/GeoIP");
  for (const [path, record] of [[CITY, city], [ASN, asn]] as const) {
    await Deno.writeFile(host.path(path), mmdb({ "203.0.113.0/24": record }));
    await Deno.chmod(host.path(path), 0o644);
  }
}

endToEnd("send, check and explain read place databases; without them, send only warns", async (host) => {
  await install(host);
  await host.writeConfig(PLACE + configFor("stdout"));
  await queue(host, { env: { PAM_RHOST: "203.0.113.7" } });
  const sent = await send(host);
  assert.equal(sent.stderr, "");
  assert.ok(sent.stdout.includes(`(${SHOWN}) logged in to `), sent.stdout);
  const explained = await host.run([BINARY, "explain", "--user", "alice", "--ip", "203.0.113.7"]);
  assert.match(explained.stdout, /^place: Auckland, New Zealand; AS64500 Example Net$/m);
  const findings = await findingsOn(host);
  assertFound(findings, ["pass place.database", CITY]);
  assertFound(findings, ["pass place.database", ASN]);

  await shell(host, `rm -r /var/lib/GeoIP; echo broken >${ASN}`);
  await queue(host, { env: { PAM_RHOST: "203.0.113.7" } });
  const { code, stdout, stderr } = await send(host);
  assert.equal(code, 0);
  assert.match(stdout, /\(203\.0\.113\.7\) logged in to /);
  assert.match(stderr, /\[place\.database-missing\]\n.*\[place\.database-unusable\]\n$/);
  const broken = await findingsOn(host);
  assertFound(broken, ["warning place.database-missing", CITY]);
  assertFound(broken, ["warning place.database-unusable", ASN]);
});

underSystemd("the service sees place databases, also those that are installed later", async (host, systemd) => {
  await using ntfy = ntfyLike();
  const server = ntfy.topicUrl.replace("127.0.0.1", "localhost");
  await host.writeConfig(PLACE + configFor("ntfy", `topic_url = "${server}"`));
  const texts: string[] = [];
  for (let round = 1; round <= 2; round++) {
    await queue(host, { env: { PAM_RHOST: "203.0.113.7" } });
    await waitFor(() => ntfy.accepted.length === round, { what: "the notification arrives" });
    await waitFor(async () => !await systemd.isRunning(), { what: "the run of send ends" });
    texts.push(JSON.stringify(ntfy.accepted.at(-1)));
    await install(host);
  }
  assert.deepEqual(texts.map((text) => text.includes(SHOWN)), [false, true], texts.join("\n"));
});
