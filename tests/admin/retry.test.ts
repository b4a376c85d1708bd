// Runs `retry` and `status` as processes, with a `send` whose services fail.

import assert from "node:assert/strict";
import { queueLogins, usersOf } from "../helpers/logins.ts";
import { Installation } from "../helpers/program.ts";
import { json, ntfyLike, type Receiver } from "../helpers/receivers.ts";
import { waitFor } from "../helpers/wait_for.ts";

const DEADLINE = "[notification]\nrun_deadline_seconds = 10\n";

function route(name: string, { topicUrl }: { topicUrl: string }): string {
  return `[routes.${name}]\nservice = "ntfy"\ntopic_url = "${topicUrl}"\n`;
}

function users({ accepted }: Receiver): string[] {
  return accepted.flatMap(({ body }) => usersOf(body["message"]));
}

Deno.test("retry restores given-up notifications, and status shows them", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`${DEADLINE}${route("oncall", ntfy)}`);
  const neverRun = await installation.retry();
  assert.deepEqual(neverRun, {
    code: 0,
    stdout: "nothing to retry: send has not run yet, or not since an upgrade\n",
    stderr: "",
  });
  assert.deepEqual(await installation.status(), {
    code: 0,
    stdout: 'queue: no event was ever recorded\nroute "oncall" (ntfy): nothing is pending\n' +
      'route "oncall" (ntfy): nothing has been delivered yet\n' +
      "alarm: does not work: no run of send has ended yet\n",
    stderr: "",
  });

  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 2);
  assert.match((await installation.status()).stdout, /^queue: send has yet to read new events, the newest from \d/);
  ntfy.intercept = (_request, text) => text.includes("'user") ? json(422, { error: "no" }) : undefined;
  assert.equal((await installation.send()).code, 0);
  const { stdout } = await installation.status();
  assert.match(stdout, /^queue: send has read every event\n/);
  assert.match(
    stdout,
    /^route "oncall" \(ntfy\): 2 given up \(2 for: HTTP 422: no\); to retry: .* retry --route oncall$/m,
  );

  ntfy.intercept = () => undefined;
  assert.deepEqual(await installation.retry(), {
    code: 0,
    stdout: 'route "oncall": restored 2 given-up notifications; the next run of send delivers\n',
    stderr: "",
  });
  assert.equal((await installation.send()).code, 0);
  assert.deepEqual(users(ntfy).filter((user) => user.startsWith("user")), ["user1", "user2"]);
  assert.match((await installation.retry("--route", "oncall")).stdout, /^route "oncall": nothing to retry\n$/);
  const status = JSON.parse((await installation.status("--json")).stdout);
  assert.deepEqual(status.queue, { has_unread: false, newest_unread_at: null });
  assert.deepEqual([status.is_alive, status.problems], [true, []]);
  assert.match(status.last_run_at, /^\d{4}-\d\d-\d\dT.*Z$/);
  const [{ last_delivered_at, ...rest }] = status.routes;
  assert.match(last_delivered_at, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.deepEqual(rest, {
    name: "oncall",
    service: "ntfy",
    is_configured: true,
    is_broken: false,
    pending: 0,
    oldest_pending_at: null,
    next_attempt_at: null,
    failures: 0,
    last_error: null,
    dead: 0,
    dead_reasons: [],
    notices: 0,
    last_test_passed_at: null,
  });
});

Deno.test("retry makes pending notifications due now, even for a running send", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nrun_deadline_seconds = 60\n${route("oncall", ntfy)}`);
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 1);
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  ntfy.intercept = () => {
    resolve();
    return json(503, {}, { "retry-after": "50" });
  };
  const sending = installation.send();
  await asked;
  ntfy.intercept = () => undefined;
  const isStored = async () => /next attempt in/.test((await installation.status()).stdout);
  await waitFor(isStored, { what: "send has stored the failed attempt" });
  const startedAtMs = performance.now();
  const { stdout } = await installation.retry("--route", "oncall");
  assert.match(stdout, /^route "oncall": made 1 pending notification due now; /);
  assert.equal((await sending).code, 0);
  assert.ok(performance.now() - startedAtMs < 30_000);
  assert.deepEqual(users(ntfy), ["user1"]);
});

Deno.test("retry makes notices about other routes due now, even if nothing else is pending", async () => {
  await using installation = await Installation.create();
  await using broken = ntfyLike();
  await using down = ntfyLike();
  broken.intercept = () => json(401, {});
  down.intercept = () => json(503, {}, { "retry-after": "3600" });
  const closes = `events = ["close"]\n`;
  await installation.writeConfig(`${DEADLINE}${route("broken", broken)}${route("oncall", down)}${closes}`);
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 1);
  assert.equal((await installation.send()).code, 78);
  assert.match(
    (await installation.status()).stdout,
    /^route "oncall" \(ntfy\): 0 pending, 1 notice,/m,
  );
  assert.deepEqual(await installation.retry("--route", "oncall"), {
    code: 0,
    stdout: 'route "oncall": made 1 notice due now; the next run of send delivers\n',
    stderr: "",
  });
  down.intercept = () => undefined;
  await installation.send();
  assert.match(String(down.accepted[0]?.body["message"]), /^route "broken" is broken/);
});

Deno.test("retry --to moves the notifications of a removed route, without duplicates", async () => {
  await using installation = await Installation.create();
  await using kept = ntfyLike();
  await using gone = ntfyLike();
  gone.intercept = () => json(401, {});
  await installation.writeConfig(`${DEADLINE}${route("old", gone)}`);
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 5);
  assert.equal((await installation.send()).code, 78);
  await installation.writeConfig(`${DEADLINE}${route("old", gone)}${route("new", kept)}`);
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 1, { first: 6 });
  assert.equal((await installation.send()).code, 78);
  assert.deepEqual(users(kept).filter((user) => user.startsWith("user")), ["user6"]);

  await installation.writeConfig(`${DEADLINE}${route("new", kept)}`);
  const { stdout } = await installation.status();
  assert.match(stdout, /^route "old": not in the configuration, so nothing is sent; .* --to NAME$/m);
  assert.match(stdout, /^route "old": 6 pending, /m);
  assert.match(
    (await installation.retry("--route", "old")).stdout,
    /not in the configuration, so move them: --route old --to NAME/,
  );
  const moved = await installation.retry("--route", "old", "--to", "new");
  assert.deepEqual(moved, {
    code: 0,
    stdout: 'moved 5 notifications from route "old" to route "new"; dropped 1 notification that route "new" already ' +
      "has; the next run of send delivers\n",
    stderr: "",
  });
  assert.equal((await installation.send()).code, 0);
  assert.deepEqual(users(kept).filter((user) => user.startsWith("user")).sort(), [
    "user1",
    "user2",
    "user3",
    "user4",
    "user5",
    "user6",
  ]);
  assert.doesNotMatch((await installation.status()).stdout, /"old"/);
});

Deno.test("retry rejects an unknown route with a suggestion, and works without a configuration", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`${DEADLINE}${route("oncall", ntfy)}`);
  assert.equal((await installation.send()).code, 0);
  const table: [flags: string[], code: number, says: RegExp][] = [
    [["--route", "onlcal"], 64, /"onlcal" .*; did you mean "oncall"\? \[retry\.unknown-route\]/],
    [["--route", "oncall", "--to", "other"], 64, /"other" .*\[retry\.unknown-route\]/],
    [["--route", "oncall", "--to", "oncall"], 64, /to itself/],
    [["--to", "oncall"], 64, /--to requires --route/],
  ];
  for (const [flags, code, says] of table) {
    const ended = await installation.retry(...flags);
    assert.deepEqual([ended.code, ended.stdout], [code, ""], ended.stderr);
    assert.match(ended.stderr, says);
  }
  await installation.writeConfig("broken");
  assert.equal((await installation.retry()).code, 0);
  const { code, stdout } = await installation.status();
  assert.equal(code, 0);
  assert.match(stdout, /config\.toml: line 1, column \d+: /);
  assert.equal((await installation.retry("--route", "x", "--to", "oncall")).code, 78);
});

Deno.test("status and retry report a damaged store, and leave it to send", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`${DEADLINE}${route("oncall", ntfy)}`);
  assert.equal((await installation.send()).code, 0);
  const path = `${installation.stateDir}/send/deliveries.db`;
  const garbage = crypto.getRandomValues(new Uint8Array(20_000));
  await Deno.writeFile(path, garbage);
  const status = await installation.status();
  assert.deepEqual([status.code, status.stderr], [0, ""]);
  assert.match(status.stdout, /deliveries\.db": it is damaged: /);
  const retry = await installation.retry();
  assert.deepEqual([retry.code, retry.stdout], [75, ""]);
  assert.match(retry.stderr, /"\S+\/deliveries\.db".* \[store\.damaged\]\n/);
  assert.deepEqual(await Deno.readFile(path), garbage);
});
