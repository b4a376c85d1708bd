// Several routes, over real sockets, with the real program. Routes are independent, and each has its own secrets.

import assert from "node:assert/strict";
import { queueLogins, usersOf } from "../helpers/logins.ts";
import { Installation } from "../helpers/program.ts";
import { json, ntfyLike, Receiver } from "../helpers/receivers.ts";
import { pause } from "../helpers/wait_for.ts";

function route(name: string, topicUrl: string, more = ""): string {
  return `[routes.${name}]\nservice = "ntfy"\ntopic_url = "${topicUrl}"\n${more}\n`;
}

Deno.test("four routes (down, slow, rate-limited, working) do not wait for each other", async () => {
  await using installation = await Installation.create();
  await using down = ntfyLike();
  await using slow = ntfyLike();
  await using limited = ntfyLike();
  await using fine = ntfyLike();
  const { topicUrl } = down;
  await down.down();
  slow.intercept = async () => {
    await pause(1_500);
    return undefined as unknown as Response;
  };
  let tokens = 1;
  const refill = setInterval(() => tokens = 1, 2_000);
  limited.intercept = () => tokens-- > 0 ? undefined : json(429, { code: 42901 }, { "retry-after": "2" });
  await installation.writeConfig(
    `[notification]\nrun_deadline_seconds = 25\n` + route("down", topicUrl) +
      route("slow", slow.topicUrl) + route("limited", limited.topicUrl) + route("fine", fine.topicUrl),
  );
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 120);
  const startedAtMs = performance.now();
  let fineAfterMs = NaN;
  fine.intercept = () => {
    fineAfterMs = performance.now() - startedAtMs;
    return undefined;
  };
  const { code, stderr } = await installation.send();
  clearInterval(refill);
  assert.equal(code, 75, stderr);
  const all = Array.from({ length: 120 }, (_, index) => `user${index + 1}`);
  for (const receiver of [fine, slow, limited]) {
    assert.deepEqual(receiver.accepted.flatMap(({ body }) => usersOf(body["message"])), all);
  }
  assert.ok(fineAfterMs < 15_000, `the fine one had everything after ${fineAfterMs} ms`);
  for (const line of stderr.trimEnd().split("\n")) assert.match(line, /on route "(down|limited)"/);

  const status = JSON.parse((await installation.status("--json")).stdout);
  assert.deepEqual(
    status.routes.map(({ name, pending, last_error }: Record<string, unknown>) => [name, pending, last_error === null]),
    [["down", 120, false], ["slow", 0, true], ["limited", 0, true], ["fine", 0, true]],
  );
});

Deno.test("a secret can be in a file, and is never shown", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike({ token: "tk_s3cr3t" });
  const file = `${installation.directory}/etc/ntfy.token`;
  await Deno.writeTextFile(file, "tk_s3cr3t\n", { mode: 0o640 });
  await installation.writeConfig(route("oncall", ntfy.topicUrl, `token_file = "${file}"`));
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 1);
  ntfy.intercept = (request) =>
    ntfy.received.length > 0 ? undefined : json(400, { error: `no ${request.headers.get("authorization")}` });
  const { code, stdout, stderr } = await installation.send("--verbose");
  assert.equal(code, 0, stderr);
  assert.equal(ntfy.accepted.length, 1, "in its plain form");
  const { stdout: shown } = await installation.status();
  assert.doesNotMatch(`${stdout}${stderr}${shown}`, /s3cr3t/);

  await Deno.remove(file);
  const missing = await installation.send();
  assert.equal(missing.code, 78);
  assert.match(missing.stderr, /: routes\.oncall\.token_file: .* \[config\.file-unusable\]\n/);
});

/** A CA and its certificate for 127.0.0.1, created by openssl. */
async function makeCertificates(directory: string): Promise<{ ca: string; cert: string; key: string }> {
  const script = `
    cd ${directory}
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 \
      -subj "/CN=Test CA" -addext basicConstraints=critical,CA:TRUE
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out request.pem -subj /CN=test
    printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile extensions`;
  const { success, stderr } = await new Deno.Command("sh", { args: ["-ec", script] }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const [cert = "", key = ""] = await Promise.all(
    ["cert.pem", "key.pem"].map((name) => Deno.readTextFile(`${directory}/${name}`)),
  );
  return { ca: `${directory}/ca.pem`, cert, key };
}

Deno.test("the CA of a route is trusted for that route only", async () => {
  await using installation = await Installation.create();
  const { ca, cert, key } = await makeCertificates(`${installation.directory}/etc`);
  const received: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} }, async (request) => {
    received.push(String((await request.json()).topic));
    return json(200, { id: "x" });
  });
  const url = `https://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  await installation.writeConfig(
    `[notification]\nrun_deadline_seconds = 10\n` + route("own", `${url}/own-topic`, `ca_file = "${ca}"`) +
      route("other", `${url}/other-topic`),
  );
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 1);
  const { code, stderr } = await installation.send();
  await server.shutdown();
  assert.equal(code, 75);
  assert.deepEqual(received, ["own-topic"]);
  assert.match(stderr, /^warning: cannot deliver event .* on route "other" now: .*(UnknownIssuer|certificate)/m);
});

Deno.test("a route that responds with nonsense or never affects neither the others nor the end of the run", async () => {
  await using installation = await Installation.create();
  await using fine = ntfyLike();
  await using hanging = new Receiver(() => json(200, {}));
  await using nonsense = new Receiver(() => new Response(`<html>${"\u0000".repeat(100_000)}`));
  hanging.intercept = () => new Promise(() => {});
  await installation.writeConfig(
    `[notification]\nrun_deadline_seconds = 10\nrequest_timeout_seconds = 2\n` +
      route("hanging", `${hanging.origin}/hanging-topic`) + route("nonsense", `${nonsense.origin}/nonsense-topic`) +
      route("fine", fine.topicUrl),
  );
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 5);
  const { code } = await installation.send();
  assert.equal(code, 78);
  // The events, and a notice that the route with nonsense is broken.
  assert.equal(fine.accepted.length, 2);
  assert.match(
    String(fine.accepted.at(-1)?.body["message"]),
    /^route "nonsense" is broken, .*a web page instead of an answer from an ntfy/,
  );
});
