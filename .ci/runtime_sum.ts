// Prints the SHA-256 of the runtime in a compiled binary: of all bytes before the embedded program.

import { sha256 } from "./checkout.ts";
import { stubOf } from "./runtime_stub.ts";

// deno-lint-ignore no-console -- the result of this program
for (const path of Deno.args) console.log(await sha256(stubOf(await Deno.readFile(path))));
