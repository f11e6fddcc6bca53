// The orders of a shop that changed since the last run, as a sealed stream, or with --plain for `standpipe seal`.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
const schema = JSON.parse(readFileSync(new URL("../orders.json", import.meta.url)));
const codes = { 400: 78, 401: 77, 403: 77, 404: 78, 429: 75 }; // of a status; others: 75 from 500 on, otherwise 76
const control = (kind, fields) => ({ _etl: { v: 1, kind, ...fields } });
const setting = (name) => process.env[name]?.replace(/\s/g, "") || fail(78, `${name} is not set`);
const attempt = (code, what, run) => { try { return run(); } catch (e) { fail(code, `${what}: ${e.message}`); } };
function put(...lines) {
  const data = lines.map((line) => JSON.stringify(line) + "\n").join("");
  try { writeFileSync(1, data); return data; } catch (error) { process.exit(error.code === "EPIPE" ? 141 : 74); }
}
function fail(code, message) {
  console.error(`error: ${message}`); put(control("abort", { code, message })); process.exit(code);
}
async function get(url, headers) {
  for (let wait of [1, 2, 4, null]) {
    let code, why;
    try {
      const reply = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(30_000) });
      if (reply.status === 200) return await reply.arrayBuffer();
      [code, why] = [codes[reply.status] ?? (reply.status < 500 ? 76 : 75), `HTTP ${reply.status}`];
      const again = Number(reply.headers.get("Retry-After") ?? NaN); // of a date NaN, too
      if (again < 1e9) { wait &&= again; why += `; retry_at ${new Date(Date.now() + again * 1000).toISOString()}`; }
    } catch ({ message, cause = { message } }) { // no reply, or only a part of one
      code = cause.code === "ERR_INVALID_URL" ? 78 : /CERT|SIGNATURE/.test(cause.code) ? 76 : 75;
      why = cause.message || cause.code;
    }
    if (code !== 75 || wait === null || wait > 60) fail(code, `${url}: ${why}`);
    await new Promise((done) => setTimeout(done, wait * 1000));
  }
}
const flags = { options: { state: { type: "string" }, plain: { type: "boolean" } } };
const { state, plain } = attempt(2, "usage", () => parseArgs(flags).values);
const [base, headers] = [setting("SHOP_URL"), { Authorization: `Bearer ${setting("SHOP_TOKEN")}` }];
const stored = (state && existsSync(state) && readFileSync(state, "utf8")) || '{"after": 0}';
let after = attempt(3, `${state} is not a state of this extractor`, () => Number(BigInt(JSON.parse(stored).after)));
let [id, digest, records, bytes, page] = [randomUUID(), createHash("sha256"), 0, 0, { more: true }];
if (!plain) put(control("begin", { id, schema, producer: "orders.mjs" }));
while (page.more) {
  const url = `${base}/orders?after=${after}`, body = await get(url, headers), fetched_at = new Date();
  page = attempt(76, url, () => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  const before = after, leads = page?.orders?.every?.((order) => order?.change > after && (after = order.change));
  if (!leads || !(page.more === false || (page.more && after > before))) fail(76, `${url}: leads nowhere`);
  const data = put(...page.orders.map((order) => ({ ...order, fetched_at })), control("state", { value: { after } }));
  digest.update(data); bytes += Buffer.byteLength(data); records += page.orders.length;
}
if (!plain) put(control("end", { id, records, bytes, sha256: digest.digest("hex") }));
