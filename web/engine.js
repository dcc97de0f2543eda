// The page's way to the worker: one question, one promise.

// A worker whose address is a blob is held to the page's own Content-Security-Policy.
const start = `import ${JSON.stringify(new URL("worker.js", import.meta.url))};`;
const address = URL.createObjectURL(new Blob([start], { type: "text/javascript" }));
const worker = new Worker(address, { type: "module" });
const waiting = new Map();
let asked = 0;

worker.onmessage = ({ data: { number, result, failure } }) => {
  const { done, failed } = waiting.get(number);
  waiting.delete(number);
  failure === undefined ? done(result) : failed(new Error(failure));
};
worker.onerror = () => waiting.forEach(({ failed }) => failed(new Error("the worker did not start")));

export function ask(kind, message = {}) {
  return new Promise((done, failed) => {
    asked += 1;
    waiting.set(asked, { done, failed });
    worker.postMessage({ number: asked, kind, message });
  });
}
