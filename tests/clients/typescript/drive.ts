// Drives a gateway through the life of one call, with the client that is generated from its OpenAPI
// document: node drive.ts GATEWAY KEY SERVER_CALL_ID PARTICIPANT. Prints what it saw as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/callvault.ts";

declare const process: { argv: string[] };

const [baseUrl, key, serverCallId, participant] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
];
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${key}` } });

type ErrorResponse = components["schemas"]["ErrorResponse"];

function unwrap<T>(answer: { data?: T; error?: ErrorResponse }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const begun = unwrap(
  await client.POST("/v1/recordings", { body: { serverCallId, requestedBy: "typescript" } }),
);
if (!("recordingId" in begun)) throw new Error("the start was not waited for");
const path = { workflowId: begun.workflowId };
const recordingId: string | null = begun.recordingId;

async function status(): Promise<components["schemas"]["RecordingStatus"]> {
  const answer = unwrap(await client.GET("/v1/recordings/{workflowId}", { params: { path } }));
  const [recording] = answer.recordings;
  if (recording === undefined) throw new Error("the call has no recording");
  return recording;
}

async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error("it did not come about in 20 s");
}

await until(async () => ((await status()).actual === "active" ? true : undefined));

const operations = {
  pause: await client.POST("/v1/recordings/{workflowId}:pause", {
    params: { path },
    body: { requestedBy: "typescript", reason: "card number" },
  }),
  resume: await client.POST("/v1/recordings/{workflowId}:resume", {
    params: { path },
    body: { requestedBy: "typescript" },
  }),
};
const states: Record<string, string> = {};
for (const [name, answer] of Object.entries(operations)) {
  const record = unwrap(answer);
  states[name] = "state" in record ? record.state : "sent";
}

const consent = unwrap(
  await client.POST("/v1/recordings/{workflowId}/consents", {
    params: { path },
    body: { participant, given: true, method: "spoken" },
  }),
);

// A signal: it is answered at once, and the status shows what became of it.
const sent = unwrap(
  await client.POST("/v1/recordings/{workflowId}:stop", {
    params: { path, header: { Prefer: "respond-async" } },
    body: { requestedBy: "typescript" },
  }),
);

const stopped = await until(async () => {
  const recording = await status();
  return recording.wanted === "stopped" ? recording : undefined;
});

// Visibility, which both of these ask, lags by about a second.
const found = await until(async () => {
  const query = { id: recordingId ?? "" };
  const { data } = await client.GET("/v1/recordings:lookup", { params: { query } });
  return data?.workflowId;
});
const listed = await until(async () => {
  const answer = unwrap(await client.GET("/v1/recordings", { params: { query: { limit: 1 } } }));
  return answer.calls[0]?.workflowId;
});

const refused = await client.GET("/v1/recordings/{workflowId}", {
  params: { path: { workflowId: "recording-0" } },
});

console.log(
  JSON.stringify({
    states,
    consent: "given" in consent && consent.given,
    sent: "request" in sent && sent.request,
    pauses: stopped.pauses.length,
    found,
    listed,
    error: refused.error?.error.code,
    requestId: refused.response.headers.get("x-request-id") === refused.error?.error.httpRequestId,
  }),
);
