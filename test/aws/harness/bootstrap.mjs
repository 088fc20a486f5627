// What runs in a sandbox before the handler: a runtime that speaks the Lambda Runtime API (2018-06-01), as small as can be. Only Node's own modules.
import { existsSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const BASE = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const EXTENSIONS = ['.js', '.mjs', '.cjs'];

/** No time limit: the next invocation may be hours away. */
function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(`${BASE}${path}`, { method, agent, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function describe(error, errorType) {
  if (!(error instanceof Error)) return { errorType: errorType ?? typeof error, errorMessage: String(error), trace: [] };
  return { errorType: errorType ?? error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}

function post(path, error, errorType) {
  const described = describe(error, errorType);
  return call('POST', path, JSON.stringify(described), { 'Lambda-Runtime-Function-Error-Type': described.errorType });
}

async function loadHandler() {
  const [file, name] = process.env._HANDLER.split('.');
  const path = EXTENSIONS.map((extension) => join(process.env.LAMBDA_TASK_ROOT, `${file}${extension}`)).find(existsSync);
  if (path === undefined) throw Object.assign(new Error(`Cannot find module '${file}'`), { name: 'Runtime.ImportModuleError' });
  const handler = (await import(pathToFileURL(path).href))[name];
  if (typeof handler !== 'function')
    throw Object.assign(new Error(`${process.env._HANDLER} is undefined or not exported`), { name: 'Runtime.HandlerNotFound' });
  // Node.js 24 of Lambda knows no callbacks.
  if (handler.length > 2)
    throw Object.assign(new Error('AWS Lambda has removed support for callback-based function handlers'), {
      name: 'Runtime.CallbackHandlerDeprecated',
    });
  return handler;
}

let current;
for (const [event, errorType, exitCode] of [
  ['uncaughtException', undefined, 129],
  ['unhandledRejection', 'Runtime.UnhandledPromiseRejection', 128],
]) {
  process.on(event, (error) => {
    console.error(`Unhandled: ${event}`, error);
    const path = current === undefined ? '/init/error' : `/invocation/${current}/error`;
    void post(path, error, errorType).finally(() => process.exit(exitCode));
  });
}

let handler;
try {
  handler = await loadHandler();
} catch (error) {
  await post('/init/error', error);
  process.exit(1);
}

for (;;) {
  const { headers, body } = await call('GET', '/invocation/next');
  const id = headers['lambda-runtime-aws-request-id'];
  const deadlineMs = Number(headers['lambda-runtime-deadline-ms']);
  current = id;
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: id,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
  try {
    const result = await handler(JSON.parse(body), context);
    const answer = await call('POST', `/invocation/${id}/response`, JSON.stringify(result === undefined ? null : result));
    if (answer.status === 413) console.error('The response was too large.');
  } catch (error) {
    console.error('Invoke Error', JSON.stringify(describe(error)));
    await post(`/invocation/${id}/error`, error);
  }
}
