// The exact wording of events, and that it is safe.

import assert from "node:assert/strict";
import type { Message, SessionNotification } from "../../src/services/service.ts";
import { inert, undomained } from "../../src/services/escapes.ts";
import { alarm, factsOf, headline, sentence, title, urgencyOf } from "../../src/services/wording.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

Deno.test("sentence() and factsOf() show the place after the address and its name, and no name can forge one", () => {
  const placed = notification({ place: "Auckland, New Zealand; AS64500 Example Net" });
  assert.match(
    sentence(placed),
    /^'alice' \(203\.0\.113\.7, Auckland, New Zealand; AS64500 Example Net\) logged in to /,
  );
  const from = (overrides: Partial<SessionNotification>) =>
    factsOf({ ...placed, ...overrides }).find(({ label }) => label === "From")?.value;
  assert.equal(from({}), "203.0.113.7, port 50022 (Auckland, New Zealand; AS64500 Example Net)");
  assert.equal(
    from({ dnsName: "x (Wellington)", place: "Sydney" }),
    "203.0.113.7, x （Wellington）, port 50022 (Sydney)",
  );
  assert.equal(from({ place: "" }), "203.0.113.7, port 50022");
  assert.match(
    sentence({ ...placed, place: "A) logged in" }),
    /^'alice' \(203\.0\.113\.7, A） logged in\) logged in to /,
  );
});

Deno.test("sentence() is the same as the Go program's, and omits missing values", () => {
  const rest = "logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00";
  assert.equal(sentence(notification()), `'alice' (203.0.113.7) ${rest}`);
  assert.equal(
    sentence(notification({ type: "close" })),
    `'alice' (203.0.113.7) ${rest.replace("in to", "out from")}`,
  );
  assert.equal(
    sentence(notification({ remoteHost: "", terminal: "", reasons: ["environment tampered with"] })),
    `'alice' logged in to example.com via sshd at 2026-11-23 11:13:32+13:00 [environment tampered with]`,
  );
});

Deno.test("sentence() prevents values from forging its rest or becoming links", () => {
  const remoteHost = "10.0.0.9) logged out from example.com via ssh (x";
  assert.match(
    sentence(notification({ remoteHost })),
    /^'alice' \(10\.0\.0\.9） logged out from example\.com via ssh （x\) /,
  );
  assert.match(sentence(notification({ user: "root' (10.0.0.9" })), /^'root’ \(10\.0\.0\.9' \(203/);
  for (const field of ["user", "remoteHost", "terminal", "service"]) {
    assert.ok(!sentence(notification({ [field]: "https://evil.example" })).includes("://"), field);
  }
});

Deno.test("sentence() adds further facts in brackets", () => {
  const rest = "(203.0.113.7) logged in to example.com via ssh (sshd) at 2026-11-23 11:13:32+13:00";
  const authentication = "publickey ED25519 SHA256://abc/+ (work laptop)";
  assert.equal(
    sentence(notification({ authentication, reasons: ["first login of alice from 203.0.113.7"] })),
    `'alice' ${rest} [first login of alice from 203.0.113.7; ${authentication}]`,
  );
  assert.equal(sentence(notification({ authentication })), `'alice' ${rest} [${authentication}]`);
  assert.equal(
    sentence(notification({ type: "close", duration: "2 h 5 min", authentication: "password" })),
    `'alice' ${rest.replace("in to", "out from")} [after 2 h 5 min; password]`,
  );
  assert.equal(sentence(notification({ isRepeat: true })), `'alice' ${rest} [possible repeat]`);
});

Deno.test("sentence() prevents facts from closing the brackets or becoming links, and escapes them", () => {
  const evil = 'gssapi-with-mic "x] https://evil.example ["';
  for (const overrides of [{ authentication: evil }, { reasons: [evil] }]) {
    const text = sentence(notification(overrides), (value) => value.replaceAll("@", "\\@").replaceAll("x", "\\x"));
    assert.match(text, / \[gssapi-with-mic "\\x］ https：／／evil\.e\\xample ［"\]$/);
  }
});

Deno.test("sentence() and headline() identify a test", () => {
  const test = { type: "test", hostName: "example.com", time: "2026-11-23 11:13:32+13:00" } as const;
  assert.match(sentence(test), /^This is a test from example\.com at 2026-11-23 11:13:32\+13:00/);
  assert.match(headline(messageWith(test)), /^Test .* example\.com$/);
  assert.equal(headline(messageWith(notification())), "SSH login to example.com");
  assert.equal(headline(messageWith(notification({ type: "close" }))), "SSH logout from example.com");
});

Deno.test("headline() says unexpected if there are reasons, and counts the events of a digest", () => {
  const urgent = notification({ urgency: "urgent" });
  assert.equal(headline(messageWith(urgent)), "SSH login to example.com");
  assert.equal(
    headline(messageWith({ ...urgent, reasons: ["first use of this key"] })),
    "Unexpected SSH login to example.com",
  );
  assert.equal(headline(messageWith(urgent, urgent)), "2 SSH logins on example.com");
  const logout = notification({ type: "close" });
  assert.equal(headline(messageWith(logout, urgent, logout)), "1 SSH login and 2 logouts on example.com");
  assert.equal(headline(messageWith(logout, logout)), "2 SSH logouts on example.com");
});

Deno.test("headline() says what kind of login it is", () => {
  const login = (service: string, terminal = "tty1") => headline(messageWith(notification({ service, terminal })));
  assert.equal(login("login"), "Console login to example.com");
  assert.equal(login("su"), "su login to example.com");
  assert.equal(login("su-l"), "su login to example.com");
  assert.equal(login("sudo-i"), "sudo login to example.com");
  assert.equal(login("cockpit"), "cockpit login to example.com");
  assert.equal(login("", "ssh"), "SSH login to example.com");
  // A title must not become a link, a mention or markup.
  for (const hostile of ["", "evil.example", "@all", "https://x", "a b", "x".repeat(33), "__proto__", "<b>", "（"]) {
    assert.equal(login(hostile), "PAM login to example.com", hostile);
  }
  const unexpected = { urgency: "urgent", reasons: ["x"] } as const;
  assert.equal(
    headline(messageWith(notification({ service: "login", ...unexpected }))),
    "Unexpected console login to example.com",
  );
  const of = (service: string, type: "open" | "close" = "open") => notification({ service, type });
  assert.equal(
    headline(messageWith(of("sshd"), of("login"), of("login", "close"), of("sudo"), of("su"), of("cockpit"))),
    "1 SSH login, 1 console login and 1 logout, 1 sudo login, 2 other logins on example.com",
  );
});

Deno.test("title() and alarm() begin with 🚨 if a message is urgent, and say if it is unexpected", () => {
  const root = notification({ urgency: "urgent", user: "root" });
  const unexpected = { ...root, reasons: ["first use of this key"] };
  const learning = notification({ reasons: ["first use of this key"] });
  const shown = (message: Message) => [title(message), alarm(message)];
  assert.deepEqual(shown(messageWith(root)), ["🚨 SSH login to example.com", "🚨 "]);
  assert.deepEqual(shown(messageWith(unexpected)), ["🚨 Unexpected SSH login to example.com", "🚨 Unexpected: "]);
  assert.deepEqual(shown(messageWith(root, unexpected)), [
    "🚨 Unexpected: 2 SSH logins on example.com",
    "🚨 Unexpected: ",
  ]);
  assert.deepEqual(shown(messageWith(learning)), ["SSH login to example.com", ""]);
});

Deno.test("urgencyOf() returns the highest urgency of the message", () => {
  const [urgent, normal, low] = (["urgent", "normal", "low"] as const).map((urgency) => notification({ urgency }));
  assert.ok(urgent !== undefined && normal !== undefined && low !== undefined);
  assert.equal(urgencyOf(messageWith(low, urgent, normal)), "urgent");
  assert.equal(urgencyOf(messageWith(low, normal)), "normal");
  assert.equal(urgencyOf(messageWith(low, low)), "low");
  assert.equal(urgencyOf(messageWith({ type: "test", hostName: "h", time: "t" })), "normal");
});

Deno.test("factsOf() omits unknown values and makes no links", () => {
  const labels = (facts: ReturnType<typeof factsOf>) => facts.map(({ label }) => label);
  assert.deepEqual(labels(factsOf(notification())), ["User", "From", "Host", "Time", "Via"]);
  const all = notification({
    remoteHost: "https://evil.example",
    authentication: "password",
    duration: "5 min",
    reasons: ["a", "b"],
    isRepeat: true,
  });
  const facts = factsOf(all);
  assert.deepEqual(facts[1], { label: "From", value: "https：／／evil.example, port 50022" });
  assert.deepEqual(labels(facts), [
    "User",
    "From",
    "Authentication",
    "Session",
    "Why unexpected",
    "Host",
    "Time",
    "Via",
    "Note",
  ]);
  assert.deepEqual(facts[4], { label: "Why unexpected", value: "a; b" });
  // Slack shows at most ten facts.
  assert.ok(facts.length <= 10);
  const valueOf = (overrides: Parameters<typeof notification>[0], wanted: string) =>
    factsOf(notification(overrides)).find(({ label }) => label === wanted)?.value;
  assert.equal(valueOf({ dnsName: "host.example.net" }, "From"), "203.0.113.7, host.example.net, port 50022");
  assert.equal(valueOf({ clientPort: undefined }, "From"), "203.0.113.7");
  assert.equal(valueOf({}, "Via"), "ssh (sshd), process 4711");
  assert.equal(valueOf({ terminal: "", service: "" }, "Via"), "process 4711");
  assert.equal(valueOf({ processId: undefined }, "Via"), "ssh (sshd)");
});

Deno.test("undomained() and inert() change DNS names and special characters, but not addresses or fingerprints", () => {
  const same = ["203.0.113.7", "2001:db8::7", "alice", "SHA256:ab/cd+ef", "example.com", "v1.2"];
  for (const value of same) {
    assert.equal(undomained(value, "example.com"), value);
    assert.equal(inert(value, "example.com"), value);
  }
  for (const value of ["SHA256:///ab//cd+//ef", "fe80::1//64", "/a/b", "a/b"]) {
    assert.equal(undomained(value, "h"), value);
  }
  for (let slashes = 2; slashes < 8; slashes++) {
    const [some, wide] = ["/".repeat(slashes), "／".repeat(slashes)];
    assert.equal(undomained(`${some}x (${some}y`, "h"), `${wide}x (${wide}y`);
    assert.equal(undomained(`file:${some}x`, "h"), `file：${wide}x`);
  }
  // In a time that grows with the length, not with its square: that would take minutes.
  assert.equal(undomained(`x${"/".repeat(200_000)}`, "h").length, 200_001);
  assert.equal(undomained("evil.example.com https://x", "example.com"), "evil．example．com https：／／x");
  assert.equal(inert("@bob #x /start !r:x +1 $A a@b", "h"), "＠bob ＃x ／start ！r:x ＋1 ＄A a@b");
});
