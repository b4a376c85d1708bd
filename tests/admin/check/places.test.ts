import assert from "node:assert/strict";
import { Findings } from "../../../src/admin/check/finding.ts";
import { inspectPlaces, OLD_MS } from "../../../src/admin/check/places.ts";
import { assertAllFound } from "../../helpers/findings.ts";
import { asnRecord, cityRecord, mmdb } from "../../helpers/mmdb.ts";

Deno.test("inspectPlaces() reports databases that are missing, old, of another kind or closed to send", () => {
  const directory = Deno.makeTempDirSync({ prefix: "place-test-" });
  try {
    const nowMs = Date.UTC(2026, 10, 23);
    const city = { "203.0.113.0/24": cityRecord("Auckland", "New Zealand", "NZ") };
    const write = (name: string, bytes: Uint8Array, mode = 0o644) => {
      Deno.writeFileSync(`${directory}/${name}`, bytes);
      Deno.chmodSync(`${directory}/${name}`, mode);
    };
    write("good", mmdb(city, { builtAtMs: nowMs - OLD_MS, type: "GeoLite2-City" }));
    write("asn", mmdb({ "203.0.113.0/24": asnRecord(1, "a") }, { metadata: { build_epoch: "x" }, type: "ASN" }));
    write("old", mmdb(city, { builtAtMs: nowMs - OLD_MS - 1_000 }));
    write("closed", mmdb(city, { builtAtMs: nowMs }), 0o600);
    write("other", mmdb({ "203.0.113.0/24": { is_tor_exit_node: true } }, { type: "Tor" }));
    const placeDatabases = ["good", "asn", "old", "closed", "other", "missing"].map((name) => `${directory}/${name}`);
    const findings = new Findings();
    const sender = { uid: 4_242, gids: [4_242] };
    inspectPlaces({ placeDatabases }, { look: Deno.statSync, sender, nowMs }, findings);
    assertAllFound(findings.all, [
      ["pass place.database", "/good", "GeoLite2-City", "2026-09-24"],
      ["pass place.database", "/asn", "ASN"],
      ["warning place.database-old", "/old", "60 d"],
      ["warning place.database-unusable", "/closed", "chmod o+r"],
      ["warning place.database-unusable", "/other", '"Tor"'],
      ["warning place.database-missing", "/missing"],
    ]);
    const none = new Findings();
    inspectPlaces({ placeDatabases: [] }, { look: Deno.statSync, sender, nowMs }, none);
    assert.deepEqual(none.all, []);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
