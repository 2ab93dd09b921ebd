// The official Node clients against the fake server: an outside opinion on whether it speaks the protocol. The two clients share
// no code with ours, and the newer one reads through a library in Rust.
//
//   node check.mjs <package of the client> <connection string>
//
// prints a line a check and exits with 1 if one failed. The clients keep their messages in one global place, so each has a process
// of its own. `make check-clients` starts the servers and runs all.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const [name, server] = process.argv.slice(2);
const clients = { "@kurrent/kurrentdb-client": "KurrentDBClient", "@eventstore/db-client": "EventStoreDBClient" };
if (!server || !clients[name]) {
  console.error(`usage: node check.mjs <${Object.keys(clients).join(" | ")}> <connection string>`);
  process.exit(2);
}
const limit = 30_000;
setTimeout(() => {
  console.log(`FAIL not done in ${limit / 1000} s`);
  process.exit(1);
}, limit).unref();

let failures = 0;

// within fails a promise that takes too long, so that one check that waits in vain does not take the others with it.
function within(promise, ms = 8000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function collect(events) {
  const all = [];
  for await (const e of events) all.push(e.link ?? e.event);
  return all;
}

async function checks(label, lib, address) {
  const client = lib[clients[name]].connectionString(address);
  const { jsonEvent, ANY, NO_STREAM, STREAM_EXISTS, START, END, FORWARDS, BACKWARDS } = lib;
  const run = randomUUID().slice(0, 8);
  const stream = (name) => `check-${run}-${name}`;
  const event = (n, type = "Checked") => jsonEvent({ id: randomUUID(), type, data: { n } });
  // The newer client calls the expected state of an append streamState and that of a delete expectedRevision.
  const append = (name, events, state) => client.appendToStream(name, events, { streamState: state, expectedRevision: state });
  const numbers = (events) => events.map((e) => e.data.n);
  const wrong = (promise) => assert.rejects(promise, (e) => e instanceof lib.WrongExpectedVersionError);

  async function check(name, f) {
    try {
      await within(f());
      console.log(`ok   ${label}: ${name}`);
    } catch (e) {
      failures++;
      console.log(`FAIL ${label}: ${name}: ${e?.stack ?? e}`);
    }
  }

  await check("append to no stream, then at a revision", async () => {
    const s = stream("revisions");
    const first = await append(s, [event(0), event(1)], NO_STREAM);
    assert.equal(first.success, true);
    assert.equal(first.nextExpectedRevision, 1n);
    const second = await append(s, event(2), 1n);
    assert.equal(second.nextExpectedRevision, 2n);
    assert.ok(second.position.commit > first.position.commit);
    assert.deepEqual(numbers(await collect(client.readStream(s))), [0, 1, 2]);
  });
  await check("append to any", async () => {
    assert.equal((await append(stream("any"), event(0), ANY)).nextExpectedRevision, 0n);
    assert.equal((await append(stream("any"), event(1), ANY)).nextExpectedRevision, 1n);
  });
  await check("append to a stream that exists", async () => {
    await append(stream("exists"), event(0), NO_STREAM);
    assert.equal((await append(stream("exists"), event(1), STREAM_EXISTS)).nextExpectedRevision, 1n);
    await wrong(append(stream("exists not"), event(0), STREAM_EXISTS));
  });
  await check("append at a wrong version tells both", async () => {
    const s = stream("wrong");
    await append(s, [event(0), event(1)], NO_STREAM);
    await wrong(append(s, event(9), NO_STREAM));
    await wrong(append(s, event(9), 7n));
    await append(s, event(9), 0n).then(
      () => assert.fail("appended"),
      (e) => {
        assert.equal(e.streamName, s);
        assert.equal(e.actualState ?? e.actualVersion, 1n);
        assert.equal(e.expectedState ?? e.expectedVersion, 0n);
      },
    );
  });
  await check("append again is done once", async () => {
    const s = stream("again");
    const events = [event(0), event(1)];
    const first = await append(s, events, NO_STREAM);
    const again = await append(s, events, NO_STREAM);
    assert.deepEqual(again.position, first.position);
    assert.equal(again.nextExpectedRevision, 1n);
    await append(s, events, ANY);
    assert.equal((await collect(client.readStream(s))).length, 2);
    await wrong(append(s, [events[0], event(5)], NO_STREAM));
  });
  await check("append of many events at once", async () => {
    const s = stream("many");
    const events = Array.from({ length: 500 }, (_, n) => event(n));
    assert.equal((await append(s, events, NO_STREAM)).nextExpectedRevision, 499n);
    assert.deepEqual(numbers(await collect(client.readStream(s))), events.map((e) => e.data.n));
  });
  await check("appends side by side", async () => {
    const names = Array.from({ length: 50 }, (_, n) => stream(`side-${n}`));
    const results = await Promise.all(names.map((s, n) => append(s, event(n), NO_STREAM)));
    assert.equal(new Set(results.map((r) => r.position.commit)).size, 50);
  });
  await check("append that is too big", async () => {
    const big = jsonEvent({ type: "Big", data: { text: "x".repeat(1 << 20) } });
    await assert.rejects(append(stream("big"), big, ANY), (e) => e instanceof lib.MaxAppendSizeExceededError);
  });
  await check("event keeps its parts", async () => {
    const s = stream("parts");
    const json = jsonEvent({ id: randomUUID(), type: "Json", data: { 明账: "账簿" }, metadata: { by: "check" } });
    const binary = lib.binaryEvent({ id: randomUUID(), type: "Binary", data: Buffer.from([0, 1, 255]) });
    await append(s, [json, binary], NO_STREAM);
    const [a, b] = await collect(client.readStream(s));
    assert.deepEqual([a.id, a.type, a.isJson, a.data, a.metadata], [json.id, "Json", true, json.data, json.metadata]);
    assert.deepEqual([b.id, b.type, b.isJson, Buffer.from(b.data)], [binary.id, "Binary", false, Buffer.from([0, 1, 255])]);
    assert.deepEqual([a.revision, b.revision, a.streamId], [0n, 1n, s]);
    assert.ok(Math.abs(new Date(a.created) - Date.now()) < 60_000, `created ${a.created}`);
  });
  await check("read both ways and from the middle", async () => {
    const s = stream("read");
    await append(s, Array.from({ length: 40 }, (_, n) => event(n)), NO_STREAM);
    assert.deepEqual(numbers(await collect(client.readStream(s, { fromRevision: 37n }))), [37, 38, 39]);
    assert.deepEqual(numbers(await collect(client.readStream(s, { direction: BACKWARDS, fromRevision: END, maxCount: 3 }))), [39, 38, 37]);
    assert.deepEqual(numbers(await collect(client.readStream(s, { direction: BACKWARDS, fromRevision: 1n }))), [1, 0]);
    assert.deepEqual(numbers(await collect(client.readStream(s, { direction: FORWARDS, fromRevision: START, maxCount: 2 }))), [0, 1]);
    assert.deepEqual(await collect(client.readStream(s, { fromRevision: 100n })), []);
  });
  await check("read a stream that is not there", async () => {
    await assert.rejects(collect(client.readStream(stream("nothing"))), (e) => e instanceof lib.StreamNotFoundError);
  });
  await check("read $all both ways", async () => {
    const s = stream("all");
    const written = await append(s, [event(0), event(1), event(2)], NO_STREAM);
    const tail = await collect(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 3 }));
    assert.deepEqual(numbers(tail), [2, 1, 0]);
    const last = await collect(client.readAll({ fromPosition: written.position }));
    assert.deepEqual(numbers(last), [2], "forwards is inclusive");
    const before = await collect(client.readAll({ direction: BACKWARDS, fromPosition: written.position, maxCount: 2 }));
    assert.deepEqual(numbers(before), [1, 0], "backwards is exclusive");
    const all = await collect(client.readAll({ maxCount: 10_000 }));
    assert.ok(all.some((e) => e.type.startsWith("$")), "system events are there");
  });
  // The older client has no filters for reads.
  if (name === "@kurrent/kurrentdb-client") await check("read $all through filters", async () => {
    const s = stream("filtered");
    await append(s, [event(0, "One"), event(1, `Two-${run}`)], NO_STREAM);
    const byName = lib.streamNameFilter({ prefixes: [s] });
    assert.deepEqual(numbers(await collect(client.readAll({ filter: byName }))), [0, 1]);
    const byType = lib.eventTypeFilter({ regex: `^Two-${run}$` });
    assert.deepEqual(numbers(await collect(client.readAll({ filter: byType }))), [1]);
  });
  await check("subscription to a stream catches up and goes on live", async () => {
    const s = stream("follow");
    await append(s, [event(0), event(1)], NO_STREAM);
    const subscription = client.subscribeToStream(s, { fromRevision: START });
    const caughtUp = new Promise((resolve) => subscription.once("caughtUp", resolve));
    const seen = [];
    const all = (async () => {
      for await (const e of subscription) {
        seen.push(e.event.data.n);
        if (seen.length === 4) return;
      }
    })();
    await within(caughtUp);
    assert.deepEqual(seen, [0, 1]);
    await append(s, [event(2), event(3)], 1n);
    await within(all);
    assert.deepEqual(seen, [0, 1, 2, 3]);
    await subscription.unsubscribe();
  });
  await check("filtered subscription to $all with checkpoints", async () => {
    const s = stream("follow-all");
    await append(s, [event(0), event(1)], NO_STREAM);
    let checkpoints = 0;
    const filter = lib.streamNameFilter({
      prefixes: [s], maxSearchWindow: 4, checkpointInterval: 1,
      checkpointReached: (_, position) => { checkpoints++; assert.ok(position.commit > 0n); },
    });
    const subscription = client.subscribeToAll({ fromPosition: START, filter });
    const caughtUp = new Promise((resolve) => subscription.once("caughtUp", resolve));
    const seen = [];
    const all = (async () => {
      for await (const e of subscription) {
        seen.push(e.event.data.n);
        if (seen.length === 3) return;
      }
    })();
    await within(caughtUp);
    for (let n = 0; n < 10; n++) await append(stream("noise"), event(n), ANY);
    await append(s, event(2), 1n);
    await within(all);
    assert.deepEqual(seen, [0, 1, 2]);
    assert.ok(checkpoints > 0, "no checkpoint");
    await subscription.unsubscribe();
  });
  await check("subscription from a position leaves that event out", async () => {
    const s = stream("exclusive");
    const first = await append(s, event(0), NO_STREAM);
    await append(s, event(1), 0n);
    const subscription = client.subscribeToAll({ fromPosition: first.position, filter: lib.streamNameFilter({ prefixes: [s] }) });
    for await (const e of subscription) {
      assert.equal(e.event.data.n, 1);
      break;
    }
    await subscription.unsubscribe();
  });
  await check("soft delete, and life after it", async () => {
    const s = stream("soft");
    await append(s, [event(0), event(1)], NO_STREAM);
    await wrong(client.deleteStream(s, { expectedRevision: 7n }));
    await client.deleteStream(s, { expectedRevision: 1n });
    await assert.rejects(collect(client.readStream(s)), (e) => e instanceof lib.StreamNotFoundError);
    const again = await append(s, event(2), NO_STREAM);
    assert.equal(again.nextExpectedRevision, 2n, "numbers go on");
    assert.deepEqual(numbers(await collect(client.readStream(s))), [2]);
  });
  await check("tombstone is for good", async () => {
    const s = stream("tombstone");
    await append(s, event(0), NO_STREAM);
    await client.tombstoneStream(s, { expectedRevision: ANY });
    const deleted = (e) => e instanceof lib.StreamDeletedError;
    await assert.rejects(collect(client.readStream(s)), deleted);
    await assert.rejects(append(s, event(1), ANY), deleted);
    await assert.rejects(client.tombstoneStream(s), deleted);
  });
  await check("metadata of a stream, and what it hides", async () => {
    const s = stream("metadata");
    await append(s, Array.from({ length: 5 }, (_, n) => event(n)), NO_STREAM);
    assert.equal((await client.getStreamMetadata(s)).metadata, undefined);
    await client.setStreamMetadata(s, { maxCount: 2, village: "Xiaogang" }, { expectedRevision: NO_STREAM, streamState: NO_STREAM });
    const { metadata } = await client.getStreamMetadata(s);
    assert.deepEqual([metadata.maxCount, metadata.village], [2, "Xiaogang"]);
    assert.deepEqual(numbers(await collect(client.readStream(s))), [3, 4]);
    await client.setStreamMetadata(s, { truncateBefore: 1 });
    assert.deepEqual(numbers(await collect(client.readStream(s))), [1, 2, 3, 4]);
  });
  await check("links are resolved when asked for", async () => {
    const s = stream("linked");
    await append(s, event(7), NO_STREAM);
    const link = { id: randomUUID(), type: "$>", contentType: "application/octet-stream", data: Buffer.from(`0@${s}`) };
    await append(stream("links"), lib.binaryEvent(link), NO_STREAM);
    for await (const e of client.readStream(stream("links"), { resolveLinkTos: true })) {
      assert.equal(e.event.data.n, 7);
      assert.equal(e.link.streamId, stream("links"));
    }
    const [bare] = await collect(client.readStream(stream("links")));
    assert.equal(bare.type, "$>");
  });
  await within(Promise.resolve(client.dispose()));
}

await checks(name, await import(name), server);
console.log(failures === 0 ? "all passed" : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
