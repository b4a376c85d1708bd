import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { exchangeOver, parseResponse } from "../../src/transport/http1.ts";
import type { HttpRequest } from "../../src/services/service.ts";
import { MAX_RESPONSE_BYTES } from "../../src/services/service.ts";

const HEAD = "HTTP/1.1 200 OK\r\n";

/** The UTF-8 bytes of a text, one character each. */
function bytesOf(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

function chunked(parts: readonly string[]): string {
  const chunks = parts.filter((part) => part !== "").map((part) => `${part.length.toString(16)};x=y\r\n${part}\r\n`);
  return `${chunks.join("")}0\r\n\r\n`;
}

Deno.test("parseResponse() reads a body in any form, however the connection splits it, and does not wait for more", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(), fc.nat(), (body, cutAt, seed) => {
    const bytes = bytesOf(body);
    const middle = seed % (bytes.length + 1);
    const forms = [
      `${HEAD}X-A: 1\r\nx-a:  2 \r\nContent-Length: ${bytes.length}\r\n\r\n${bytes}`,
      `${HEAD}x-a: 1, 2\r\nTransfer-Encoding: chunked\r\n\r\n${chunked([bytes.slice(0, middle), bytes.slice(middle)])}`,
      `HTTP/1.1 100 Continue\r\n\r\n${HEAD}x-a: 1, 2\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes}`,
    ];
    for (const whole of forms) {
      const response = parseResponse(whole, { isWhole: false });
      assert.deepEqual([response?.status, response?.body, response?.headers["x-a"]], [
        200,
        new TextDecoder().decode(new TextEncoder().encode(body)),
        "1, 2",
      ]);
      const start = whole.slice(0, cutAt % whole.length);
      // The end of a chunked body is known before its final line break.
      if (whole.length - start.length <= 4) continue;
      assert.equal(parseResponse(start, { isWhole: false }), undefined, JSON.stringify(start));
      assert.throws(() => parseResponse(start, { isWhole: true }), /was closed/);
    }
    const untilTheEnd = `${HEAD}\r\n${bytes}`;
    assert.equal(parseResponse(untilTheEnd, { isWhole: false }), undefined);
    assert.ok(parseResponse(untilTheEnd, { isWhole: true })?.body !== undefined);
  }));
});

Deno.test("parseResponse() reads only the start of a body, and does not wait for a body that cannot exist", () => {
  const long = "x".repeat(MAX_RESPONSE_BYTES + 10);
  for (
    const whole of [
      `${HEAD}content-length: 99999999\r\n\r\n${long}`,
      `${HEAD}\r\n${long}`,
      `${HEAD}transfer-encoding: gzip, chunked\r\n\r\nffffff\r\n${long}`,
    ]
  ) assert.equal(parseResponse(whole, { isWhole: false })?.body.length, MAX_RESPONSE_BYTES);
  for (const status of [204, 304]) {
    const response = parseResponse(`HTTP/1.0 ${status}\r\n\r\n`, { isWhole: false });
    assert.deepEqual(response, { status, headers: {}, body: "" });
  }
});

Deno.test("parseResponse() rejects text that is not an HTTP/1.1 response", () => {
  const table: [text: string, isWhole: boolean, message: RegExp][] = [
    ["", true, /closed before a response/],
    ["HTTP/2 200\r\n\r\n", false, /not HTTP\/1\.1/],
    ["220 smtp.example ESMTP\r\n\r\n", false, /not HTTP\/1\.1/],
    ["HTTP/1.1 2000\r\n\r\n", false, /not HTTP\/1\.1/],
    [`${HEAD}content-length: -1\r\n\r\n`, false, /invalid Content-Length/],
    [`${HEAD}content-length: 1\r\ncontent-length: 1\r\n\r\nx`, false, /invalid Content-Length/],
    [`${HEAD}transfer-encoding: chunked\r\n\r\n-1\r\nx`, false, /invalid chunk/],
    [`${HEAD}transfer-encoding: chunked\r\n\r\n\r\n`, false, /invalid chunk/],
    ["x".repeat(70_000), false, /header of the response is too long/],
  ];
  for (const [text, isWhole, message] of table) assert.throws(() => parseResponse(text, { isWhole }), message);
  // Any text is a response, an error, or incomplete.
  fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), fc.boolean(), (text, isWhole) => {
    for (const whole of [text, `${HEAD}${text}`, `${HEAD}transfer-encoding: chunked\r\n\r\n${text}`]) {
      try {
        const response = parseResponse(whole, { isWhole });
        if (isWhole) assert.ok(response !== undefined);
      } catch (error) {
        assert.match(String(error), /^Error: (the response|the header of the response|the connection)/);
      }
    }
  }));
});

Deno.test("exchangeOver() sends the same request as fetch, and rejects header injection", async () => {
  const seen: { headers: Headers; line: string; text: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    seen.push({ headers: request.headers, line: `${request.method} ${request.url}`, text: await request.text() });
    return new Response("answer", { status: 201, headers: { "x-a": "b" } });
  });
  const { port } = server.addr as Deno.NetAddr;
  const url = `http://name.example:${port}/a?b=c`;
  const over = async (request: HttpRequest) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    return await exchangeOver(connection, request);
  };
  const posted = await over({ kind: "http", method: "POST", url, headers: { "x-own": "1" }, body: "zoë" });
  assert.deepEqual([posted.status, posted.body, posted.headers["x-a"]], [201, "answer", "b"]);
  await over({ kind: "http", method: "GET", url, headers: {}, body: "" });
  assert.deepEqual(seen.map(({ line, text }) => [line, text]), [[`POST ${url}`, "zoë"], [`GET ${url}`, ""]]);
  assert.equal(seen[0]?.headers.get("x-own"), "1");
  assert.equal(seen[0]?.headers.get("content-length"), "4");
  assert.match(seen[0]?.headers.get("user-agent") ?? "", /./);
  await assert.rejects(over({ kind: "http", method: "GET", url, headers: { a: "b\r\nc: d" }, body: "" }), TypeError);
  await server.shutdown();
});

Deno.test("exchangeOver() stops reading an endless response, whatever it repeats", async () => {
  const endless = {
    "informational heads": `HTTP/1.1 103 Early Hints\r\nlink: ${"x".repeat(16_000)}\r\n\r\n`,
    "a chunk's extension": `${HEAD}transfer-encoding: chunked\r\n\r\n1;${"x".repeat(16_000)}`,
  };
  const request: HttpRequest = { kind: "http", method: "GET", url: "http://h.example/", headers: {}, body: "" };
  for (const [what, text] of Object.entries(endless)) {
    let read = 0;
    const connection = {
      write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
      read: (buffer: Uint8Array) => {
        // Fail instead of sending data indefinitely.
        if (read > 20_000_000) return Promise.resolve(null);
        for (let index = 0; index < buffer.length; index++) {
          const at = read + index;
          buffer[index] = text.charCodeAt(
            what === "informational heads" ? at % text.length : Math.min(at, text.length - 1),
          );
        }
        read += buffer.length;
        return Promise.resolve(buffer.length);
      },
    };
    await assert.rejects(exchangeOver(connection, request), /the response is too long/, what);
    assert.ok(read < 2_000_000, `${what}: ${read} bytes`);
  }
});
