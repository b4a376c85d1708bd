// URLs and ids of requests.

import assert from "node:assert/strict";
import { endpoint, safeId, urlSecrets } from "../../src/services/http.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

Deno.test("endpoint() returns host and port in the format of the net permission", () => {
  const table = {
    "https://discord.com/x": "discord.com:443",
    "http://ntfy.lan/x": "ntfy.lan:80",
    "https://ntfy.lan:8443/x": "ntfy.lan:8443",
    "http://[::1]:8080/x": "[::1]:8080",
    "http://127.0.0.1/x": "127.0.0.1:80",
  };
  for (const [url, expected] of Object.entries(table)) assert.equal(endpoint(new URL(url)), expected);
});

Deno.test("safeId() leaves a normal id unchanged and escapes everything else", () => {
  const message = messageWith(notification());
  assert.equal(safeId(message), message.id);
  assert.equal(safeId({ ...message, id: "../x?y\r\n\ud800" }), "..%2Fx%3Fy%0D%0A%EF%BF%BD");
});

Deno.test("urlSecrets() returns the URL and each part of it that may be the secret", () => {
  const table: [url: string, secrets: string[]][] = [
    ["https://a.example/", []],
    ["https://a.example/hooks/lim", ["/hooks/lim", "lim"]],
    ["https://a.example/api/webhooks/123456789/t-0k/", ["/api/webhooks/123456789/t-0k/", "123456789", "t-0k"]],
    ["https://a.example/v1/services/T0000000/%41b", ["/v1/services/T0000000/%41b", "T0000000", "%41b", "Ab"]],
    ["https://a.example/?key=a%20b&c0de", ["/?key=a%20b&c0de", "a b", "c0de"]],
    ["https://a.example/p/Tok1?status=up&msg=OK&ping=", ["/p/Tok1?status=up&msg=OK&ping=", "Tok1"]],
    ["https://a.example/invoke?v=1.0&n=2&sig=a-b", ["/invoke?v=1.0&n=2&sig=a-b", "invoke", "a-b"]],
    ["https://a.example/x%ff", ["/x%ff", "x%ff"]],
  ];
  for (const [url, secrets] of table) assert.deepEqual(urlSecrets(new URL(url)), [url, ...secrets]);
});
