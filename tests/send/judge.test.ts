import assert from "node:assert/strict";
import { parseNetwork } from "../../src/config/address.ts";
import type { SessionEvent } from "../../src/event.ts";
import { NOT_UTF8 } from "../../src/hook/environment.ts";
import { judge, type Meaning } from "../../src/send/judge.ts";
import { sessionEvent } from "../helpers/fixtures.ts";

const ALLOWLIST = ["203.0.113.0/24", "2001:db8::/32", "fe80::/10"].map(parseNetwork);

interface Case {
  readonly title: string;
  readonly event: Partial<SessionEvent>;
  /** The open event of the session; `same` is the event itself but for its type. */
  readonly opened?: Partial<SessionEvent> | "same";
  readonly expected: Partial<Meaning>;
}

const UNTOUCHED = { tampered: [], urgent: false } as const;
const NAME = { remoteHost: "client.example" };

const CASES: readonly Case[] = [
  {
    title: "allowlists an honest open from a network of the allowlist",
    event: {},
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "notifies of an open from elsewhere",
    event: { remoteHost: "198.51.100.9", connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { ...UNTOUCHED, address: "198.51.100.9", verdict: "notify" },
  },
  {
    title: "takes an IPv4-mapped address for its IPv4 address, in either variable",
    event: { remoteHost: "::ffff:203.0.113.7" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "takes two ways to write an IPv6 address for one",
    event: { remoteHost: "2001:db8::1", connection: "2001:DB8:0:0::1 1 ::1 22" },
    expected: { ...UNTOUCHED, address: "2001:db8::1", verdict: "allowlisted" },
  },
  {
    title: "holds a link-local address to its zone",
    event: { remoteHost: "fe80::1%eth0", connection: "fe80::1%eth0 1 fe80::2%eth0 22" },
    expected: { ...UNTOUCHED, address: "fe80::1%eth0", verdict: "allowlisted" },
  },
  {
    title: "can do without SSH_CONNECTION where PAM_RHOST is an address",
    event: { connection: "" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "believes PAM_RHOST over an SSH_CONNECTION that is on the allowlist, and calls that tampered",
    event: { remoteHost: "198.51.100.9" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "198.51.100.9", verdict: "notify" },
  },
  {
    title: "allowlists no address whose SSH_CONNECTION says another",
    event: { connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "203.0.113.7", verdict: "notify" },
  },
  {
    title: "calls an SSH_CONNECTION that holds no address tampered",
    event: { connection: NOT_UTF8 },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, verdict: "notify" },
  },
  {
    title: "allowlists nothing that the hook found tampered with, and keeps the names",
    event: { tampered: ["PAM_USER"] },
    expected: { tampered: ["PAM_USER"], urgent: true, address: "203.0.113.7", verdict: "notify" },
  },
  {
    title: "names a variable once that hook and judge both found tampered with",
    event: { remoteHost: "198.51.100.9", tampered: ["SSH_CONNECTION"] },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true },
  },
  {
    title: "takes the address from SSH_CONNECTION at open where PAM_RHOST is a name",
    event: NAME,
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "takes an address in octal for a name",
    event: { remoteHost: "0203.0.113.7", connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { ...UNTOUCHED, address: "198.51.100.9", verdict: "notify" },
  },
  {
    title: "knows no address where PAM_RHOST is a name and SSH_CONNECTION holds none",
    event: { ...NAME, connection: "nonsense 203.0.113.7" },
    expected: { address: "", verdict: "notify" },
  },
  {
    title: "knows no address on a console, whatever SSH_CONNECTION says",
    event: { remoteHost: "" },
    expected: { ...UNTOUCHED, address: "", verdict: "notify" },
  },
  {
    title: "knows no address where PAM_RHOST could not be read, and allowlists nothing",
    event: { remoteHost: NOT_UTF8, tampered: ["PAM_RHOST"] },
    expected: { urgent: true, verdict: "notify" },
  },
  {
    title: "allowlists a close that agrees with its open",
    event: { type: "close" },
    opened: "same",
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "allowlists a close by PAM_RHOST where there is no open",
    event: { type: "close" },
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "does not believe the SSH_CONNECTION of a close without an open",
    event: { ...NAME, type: "close" },
    expected: { ...UNTOUCHED, address: "", verdict: "notify" },
  },
  {
    title: "believes the SSH_CONNECTION of a close that the open has too",
    event: { ...NAME, type: "close" },
    opened: "same",
    expected: { ...UNTOUCHED, address: "203.0.113.7", verdict: "allowlisted" },
  },
  {
    title: "believes no SSH_CONNECTION that was replaced since the open",
    event: { ...NAME, type: "close" },
    opened: { ...NAME, connection: "198.51.100.9 1 198.51.100.1 22" },
    expected: { tampered: ["SSH_CONNECTION"], urgent: true, address: "", verdict: "notify" },
  },
  {
    title: "calls a close tampered whose auth info differs from its open's",
    event: { type: "close" },
    opened: { authInfo: "password" },
    expected: { tampered: ["SSH_AUTH_INFO_0"], urgent: true, verdict: "notify" },
  },
  {
    title: "calls a close tampered whose host differs from its open's",
    event: { type: "close" },
    opened: { remoteHost: "198.51.100.9" },
    expected: { tampered: ["PAM_RHOST"], urgent: true, verdict: "notify" },
  },
];

for (const { title, event: overrides, opened, expected } of CASES) {
  Deno.test(`judge() ${title}`, () => {
    const event = sessionEvent(overrides);
    const open = opened === "same" ? { ...event, type: "open" as const } : opened && sessionEvent(opened);
    const meaning = judge(event, { allowlist: ALLOWLIST, opened: open });
    for (const [name, value] of Object.entries(expected)) assert.deepEqual({ ...meaning }[name], value, name);
  });
}

Deno.test("judge() allowlists nothing where the allowlist is empty", () => {
  assert.equal(judge(sessionEvent(), { allowlist: [] }).verdict, "notify");
});
