import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { faultsIn } from "../helpers/config_faults.ts";

const NOTIFICATION = `[notification]\nservice = "stdout"\n`;

function parsed(text: string) {
  return parseConfig(`${text}\n${NOTIFICATION}`, { hostName: () => "h", directory: "/etc/ours" });
}

Deno.test("[place] takes databases of the directories that send may read", () => {
  const databases = ["/usr/share/GeoIP/a.mmdb", "/var/lib/GeoIP/x/b.mmdb", "/etc/ours/c.mmdb"];
  const { placeDatabases, placeSize } = parsed(`place.databases = ${JSON.stringify(databases)}`);
  assert.deepEqual([placeDatabases, placeSize], [databases, "address"]);
  for (const size of ["address", "network"]) assert.equal(parsed(`unexpected.place = "${size}"`).placeSize, size);
  for (const size of ["operator", "country"]) {
    assert.equal(parsed(`unexpected.place = "${size}"\nplace.databases = ["${databases[0]}"]`).placeSize, size);
  }
});

Deno.test("[place] and [unexpected] place: one fault for each mistake, with its key", () => {
  const table: [text: string, faults: string[]][] = [
    [`place.databases = "/var/lib/GeoIP/a.mmdb"`, ["config.wrong-type place.databases"]],
    [`place.databases = [1]`, ["config.wrong-type place.databases.0"]],
    [`place.database = ["/var/lib/GeoIP/a.mmdb"]`, [`config.unknown-key place.database "databases"`]],
    [`place = "x"`, ["config.wrong-type place"]],
    [`unexpected.place = "adress"`, ['config.wrong-value unexpected.place "address"']],
    [`unexpected.place = "country"`, [`config.conflicting-keys unexpected.place "country"`]],
    [`unexpected.place = "operator"\nplace.databases = []`, [`config.conflicting-keys unexpected.place "operator"`]],
    [`place.databases = [${`"/var/lib/GeoIP/a.mmdb", `.repeat(7)}]`, ["config.wrong-value place.databases 6"]],
    [`place.databases = ["/var/lib/GeoIP/a.mmdb", "/tmp/a.mmdb"]`, ["config.wrong-value place.databases.1"]],
  ];
  table.push([
    `host.nam = "x"\nplace.databases = ["/tmp/a"]`,
    [`config.unknown-key host.nam "name"`, "config.wrong-value place.databases.0"],
  ]);
  for (const path of ["a.mmdb", "", "/var/lib/GeoIP", "/var/lib/GeoIPx/a", "/var/lib/GeoIP/../a", "/etc/other/a"]) {
    table.push([`place.databases = ["${path}"]`, ["config.wrong-value place.databases.0"]]);
  }
  for (const [text, faults] of table) assert.deepEqual(faultsIn(() => parsed(text)), faults, text);
});
