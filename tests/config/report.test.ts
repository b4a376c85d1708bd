import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { faultsIn } from "../helpers/config_faults.ts";

function parse(report: string) {
  const routes = '[routes.pager]\nservice = "stdout"\n';
  return parseConfig(`[notification]\nservice = "stdout"\n${routes}${report}`, { hostName: () => "h" }).report;
}

Deno.test("parseConfig() reads when reports are due, and on which routes", () => {
  assert.equal(parse(""), undefined);
  const routes = ["default", "pager"];
  assert.deepEqual(parse('[report]\nschedule = "weekly"'), { every: "week", weekday: 1, day: 1, hour: 8, routes });
  assert.deepEqual(parse('[report]\nschedule = "weekly"\nweekday = "sunday"\nhour = 0\nroutes = ["pager"]'), {
    every: "week",
    weekday: 7,
    day: 1,
    hour: 0,
    routes: ["pager"],
  });
  assert.equal(parse('[report]\nschedule = "monthly"\nday = 28')?.day, 28);
  assert.equal(parse('[report]\nschedule = "daily"')?.every, "day");
});

Deno.test("parseConfig() reports faults of [report] with their key path", () => {
  const table: [section: string, fault: string][] = [
    ["[report]", "config.missing-key report.schedule"],
    ["[[report]]", "config.wrong-type report"],
    ["[report]\nhour = 8", "config.missing-key report.schedule"],
    ['[report]\nschedule = "weakly"', 'config.wrong-value report.schedule "weekly"'],
    ['[report]\nschedule = "weekly"\nweekday = "mon"', "config.wrong-value report.weekday"],
    ['[report]\nschedule = "daily"\nweekday = "monday"', "config.conflicting-keys report.weekday"],
    ['[report]\nschedule = "weekly"\nday = 1', "config.conflicting-keys report.day"],
    ['[report]\nschedule = "monthly"\nday = 29', "config.wrong-value report.day 1 28"],
    ['[report]\nschedule = "daily"\nhour = 24', "config.wrong-value report.hour 0 23"],
    ['[report]\nschedule = "daily"\nhour = 8.5', "config.wrong-value report.hour 0 23"],
    ['[report]\nschedule = "daily"\nroutes = []', "config.wrong-value report.routes"],
    ['[report]\nschedule = "daily"\nroutes = ["pagr"]', 'config.wrong-value report.routes "pagr" "pager"'],
    ['[report]\nschedule = "daily"\nminute = 5', "config.unknown-key report.minute"],
  ];
  for (const [section, fault] of table) assert.deepEqual(faultsIn(() => parse(section)), [fault], section);
});
