// The page: inputs, one question to the worker, outputs. Nothing is kept but in this object.

import { bellCurves, streamLines, thumbnail } from "./charts.js";
import { ask } from "./engine.js";
import { listen, record } from "./microphone.js";
import { at16kHz, decoded, SAMPLE_RATE, wav } from "./sound.js";
import { Detector } from "./stream.js";
import * as texts from "./texts.js";

const SECONDS = 2; // of a recording, of which the models hear the best one
const SHOWN = 3; // words of an answer
const STREAM_SHOWN = 100; // queries, ten seconds

const find = (id) => document.getElementById(id);
const nothing = () => ({ clips: [], person: null, widths: [], earlier: [], query: null, borrowed: null, tally: {} });
let state = nothing();
let model; // model.json
let weightNames;
let refusals; // refusals.json
let detection; // detection.json

const json = async (path) => (await fetch(path)).json();

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function say(id, sentence) {
  find(id).textContent = sentence;
  find(id).hidden = !sentence;
}

// --- clips ---------------------------------------------------------------------------------------

// A clip's features, or a refusal as an error whose message is a sentence.
async function heard(samples, name) {
  const { refusal, features } = await ask("hear", { samples });
  if (refusal) throw new Error(refusals[refusal].replaceAll("{name}", name));
  return { samples, features, name };
}

async function fromFile(file) {
  let samples;
  try {
    samples = await decoded(await file.arrayBuffer());
  } catch {
    throw new Error(texts.undecodable(file.name));
  }
  return heard(samples, file.name);
}

async function fromVoice(clip, name) {
  const bytes = await (await fetch(`voices/${clip.file}`)).arrayBuffer();
  return { ...(await heard(await decoded(bytes), name)), truth: clip.label };
}

async function fromMicrophone(button, bar, name) {
  const before = button.textContent;
  button.disabled = true;
  button.textContent = texts.SPEAK;
  bar.hidden = false;
  try {
    return await heard(await record(SECONDS, (share) => (bar.value = share)), name);
  } catch (error) {
    throw error instanceof DOMException ? new Error(texts.microphoneRefusal(error)) : error;
  } finally {
    button.disabled = false;
    button.textContent = before;
    bar.hidden = true;
    bar.value = 0;
  }
}

const same = (one, other) => one.features.every((value, place) => Math.abs(value - other.features[place]) < 1e-4);

function add(clip) {
  if (state.clips.length === texts.MOST) throw new Error(texts.full);
  const twin = state.clips.find((each) => same(each, clip));
  if (twin) throw new Error(refusals.twice.replaceAll("{name}", clip.name));
  state.clips.push(clip);
}

// What was done for a person, or the sentence that says why not; a visit that was forgotten gets nothing.
async function attempt(refused, work) {
  say(refused, "");
  const visit = state;
  try {
    await work(() => {
      if (visit !== state) throw new DOMException("forgotten", "AbortError");
    });
  } catch (error) {
    if (error.name !== "AbortError") say(refused, error.message);
  }
}

async function enrolled(visit, clips) {
  return ask("enroll", { clips: clips.map(({ features }) => features) });
}

async function refresh(visit = state) {
  const persons = [];
  for (let count = 1; count <= visit.clips.length; count++) persons.push(await enrolled(visit, visit.clips.slice(0, count)));
  if (visit !== state) return;
  visit.person = persons.at(-1) ?? null;
  if (!visit.person) await stopListening?.();
  visit.earlier = persons.slice(0, -1);
  visit.widths = persons.map(({ weight_std, prior_std }) => mean(weight_std.map((std, place) => std / prior_std[place])));
  if (visit.query) await answer(visit);
  show();
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// --- what is seen --------------------------------------------------------------------------------

function show() {
  const { clips, person } = state;
  find("clips").replaceChildren(...clips.map(tile));
  say("status", person ? texts.ready(clips.length, person.milliseconds) : texts.READY);
  ["weights", "compare", "stream"].forEach((id) => (find(id).hidden = !person));
  find("next").hidden = Boolean(person);
  find("forget").disabled = !person && !state.query;
  find("borrowed").hidden = !state.borrowed;
  if (person) showWeights();
  if (person) showAlarms();
  showAnswers();
}

function tile(clip) {
  const play = element("button", { textContent: "Play", ariaLabel: `Play ${clip.name}` });
  play.onclick = () => {
    const address = URL.createObjectURL(new Blob([wav(clip.samples, SAMPLE_RATE)], { type: "audio/wav" }));
    const sound = new Audio(address);
    sound.onended = () => URL.revokeObjectURL(address);
    sound.play();
  };
  const remove = element("button", { textContent: "Remove", ariaLabel: `Remove ${clip.name}` });
  remove.onclick = () => {
    state.clips = state.clips.filter((each) => each !== clip);
    if (!state.clips.length) state.query = null;
    refresh();
  };
  const title = clip.truth ? `${clip.name}: “${clip.truth}”` : clip.name;
  return element(
    "li",
    {},
    element("div", { className: "clip-name", textContent: title, title }),
    thumbnail(clip.samples),
    element("div", { className: "actions" }, play, remove),
  );
}

const curvesOf = (person, place) => ({ mean: person.weight_mean[place], std: person.weight_std[place] });

function showWeights() {
  const { person, earlier, widths, clips } = state;
  const movement = Array.from(person.weight_mean, (value, place) => Math.abs(value - person.global_weight[place]) / person.prior_std[place]);
  const order = movement.map((_, place) => place).sort((one, other) => movement[other] - movement[one]);
  const chosen = find("weight").value;
  find("weight").replaceChildren(
    ...order.map((place, rank) => element("option", { value: place, textContent: `${weightNames[place]}${rank ? "" : " (moved most)"}` })),
  );
  if (chosen && state.choseWeight) find("weight").value = chosen;
  const place = Number(find("weight").value);
  const curves = {
    prior: { mean: person.global_weight[place], std: person.prior_std[place] },
    posterior: curvesOf(person, place),
    earlier: earlier.map((each) => curvesOf(each, place)),
    anybody: person.global_weight[place],
  };
  const words = texts.curve(weightNames[place], curves);
  bellCurves(find("curves"), { ...curves, labels: words });
  say("curve-words", words);
  say("narrowed", texts.narrowed({ clips: clips.length, shares: widths, weights: model.weights, allClips: model.all_clips }));
  const [heads, cells] = find("widths").querySelectorAll("tr");
  heads.replaceChildren(heads.firstElementChild, ...widths.map((_, place) => element("th", { scope: "col", textContent: place + 1 })));
  cells.replaceChildren(cells.firstElementChild, ...widths.map((share) => element("td", { textContent: texts.percent(share) })));
}

// --- one more word -------------------------------------------------------------------------------

// Numbers that draw with the same seed: the same clip has the same interval.
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };
}

function draws({ mean: centre, log_std }, count) {
  const uniform = generator(0);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return Array.from({ length: count }, () => centre.map((value, place) => value + Math.exp(log_std[place]) * normal()));
}

// All numbers at zero are nobody's: that is everybody's network.
const everybodys = ({ mean: centre }) => new Float32Array(centre.length);

async function answer(visit) {
  const { query, person } = visit;
  if (!person) return;
  const settings = [everybodys(person), person.mean, ...draws(person, texts.DRAWS)];
  const [everybody, yours, ...drawn] = await ask("answer", { clip: query.features, settings });
  const ranked = (shares) => Array.from(shares, (share, place) => [model.labels[place], share]).sort((one, other) => other[1] - one[1]);
  query.everybody = ranked(everybody);
  query.yours = ranked(yours);
  const place = model.labels.indexOf(query.yours[0][0]);
  const shares = drawn.map((each) => each[place]).sort((one, other) => one - other);
  query.lower = shares[Math.floor(0.025 * shares.length)];
  query.upper = shares[Math.ceil(0.975 * shares.length) - 1];
}

async function compare(clip, visit) {
  visit.query = clip;
  await answer(visit);
  if (visit !== state) return;
  show();
  find("verdict").scrollIntoView({ block: "nearest" });
}

function showAnswers() {
  const { query } = state;
  find("answers").hidden = !query?.yours;
  if (!query?.yours) return;
  say("verdict", texts.verdict(query));
  find("everybody-answer").replaceChildren(...answerOf(query.everybody, query.truth));
  find("yours-answer").replaceChildren(...answerOf(query.yours, query.truth));
  find("truth").value = query.truth ?? "";
  const outcomes = { won: 0, lost: 0, right: 0, wrong: 0 };
  Object.values(state.tally).forEach((outcome) => (outcomes[outcome] += 1));
  say("tally", texts.tally(outcomes));
}

function answerOf(ranked, truth) {
  const [[label, share]] = ranked;
  const mark = truth ? element("span", { className: "mark", textContent: label === truth ? " ✓ right" : " ✗ wrong" }) : "";
  const bars = element("dl", { className: "bars" });
  for (const [name, each] of ranked.slice(0, SHOWN)) {
    const bar = element("div", { className: "bar" });
    bar.style.width = `${Math.max(100 * each, 0.5)}%`;
    bars.append(element("dt", { textContent: texts.named(name) }), element("div", { ariaHidden: "true" }, bar), element("dd", { textContent: texts.percent(each) }));
  }
  return [element("p", { className: "said" }, texts.named(label), mark), bars];
}

function judge() {
  const { query } = state;
  if (!query?.truth) return;
  const [theirs, mine] = [query.everybody[0][0] === query.truth, query.yours[0][0] === query.truth];
  state.tally[query.name] = mine ? (theirs ? "right" : "won") : theirs ? "lost" : "wrong";
}

// --- listening -----------------------------------------------------------------------------------

let stopListening = null;

const curveOf = () => detection.words[find("word").value][find("whose").value];
const threshold = () => detection.thresholds[Number(find("threshold").value)];

function preset() {
  find("threshold").max = detection.thresholds.length - 1;
  find("threshold").value = detection.thresholds.indexOf(curveOf().threshold);
  showAlarms();
}

function showAlarms() {
  const place = Number(find("threshold").value);
  const { alarms_an_hour, caught, takes, hours } = curveOf();
  find("threshold-value").textContent = texts.percent(threshold());
  find("threshold").setAttribute("aria-valuetext", texts.percent(threshold()));
  const found = { word: find("word").value, whose: find("whose").value, threshold: threshold(), takes, hours };
  if (!stopListening) streamLines(find("lines"), { heard: [], queries: STREAM_SHOWN, threshold: threshold() });
  say("alarms", texts.alarms({ ...found, alarmsAnHour: alarms_an_hour[place], caught: caught[place] }));
}

// One live microphone: the last second as a query every tenth of one.
async function startListening() {
  const second = [];
  const trail = [];
  const detectors = { global: new Detector(detection.stream), personal: new Detector(detection.stream) };
  let busy = false;
  let late = 0; // share of queries that were left out of late
  const hear = async (tenth, rate) => {
    second.push(tenth);
    if (second.length > 10) second.shift();
    if (second.length < 10) return;
    late = 0.95 * late + 0.05 * busy;
    say("stream-refused", late > 0.2 ? texts.tooSlow : "");
    if (busy) return;
    busy = true;
    try {
      const samples = new Float32Array(second.reduce((sum, each) => sum + each.length, 0));
      second.reduce((place, each) => (samples.set(each, place), place + each.length), 0);
      const heardNow = new Float32Array(SAMPLE_RATE);
      heardNow.set(at16kHz(samples, rate).subarray(0, SAMPLE_RATE));
      const { person } = state;
      if (!person || !stopListening) return;
      const [everybody, yours] = await ask("ask", { second: heardNow, settings: [everybodys(person), person.mean] });
      if (stopListening) point(trail, detectors, { global: everybody, personal: yours });
    } finally {
      busy = false;
    }
  };
  const stop = await listen((tenth, rate) => hear(tenth, rate).catch((error) => say("stream-refused", error.message)));
  stopListening = async () => {
    stopListening = null;
    await stop();
    find("listen").textContent = "Start listening";
    find("listen").setAttribute("aria-pressed", "false");
  };
  find("listen").textContent = "Stop listening";
  find("listen").setAttribute("aria-pressed", "true");
}

function point(trail, detectors, answers) {
  const word = find("word").value;
  const whose = find("whose").value;
  const place = model.labels.indexOf(word);
  const now = {};
  for (const [name, detector] of Object.entries(detectors)) {
    const { smooth, detected } = detector.hear(answers[name][place], threshold());
    now[name] = smooth;
    if (detected && name === whose) {
      now.detected = whose;
      say("detected", texts.heardAt(word, smooth, new Date().toLocaleTimeString()));
    }
  }
  trail.push(now);
  if (trail.length > STREAM_SHOWN) trail.shift();
  streamLines(find("lines"), { heard: trail, queries: STREAM_SHOWN, threshold: threshold() });
}

// --- the visit -----------------------------------------------------------------------------------

async function forget() {
  await stopListening?.();
  state = nothing();
  ["upload", "ask-file"].forEach((id) => (find(id).value = ""));
  ["refused", "ask-refused", "stream-refused", "detected", "verdict", "tally", "curve-words", "narrowed"].forEach((id) => say(id, ""));
  ["everybody-answer", "yours-answer", "curves", "lines"].forEach((id) => find(id).replaceChildren());
  show();
  say("forgotten", texts.FORGOTTEN);
  find("record").focus();
}

function option(label) {
  return element("option", { value: label, textContent: texts.named(label) });
}

function wire(voices) {
  const commands = model.labels.filter((label) => !model.no_words.includes(label));
  find("commands").textContent = commands.join(", ");
  find("truth").append(element("option", { value: "", textContent: "choose" }), ...model.labels.map(option));
  find("word").append(...commands.map(option));
  find("voices").append(
    ...voices.persons.map((person) => {
      const button = element("button", { textContent: person.name });
      button.onclick = () => attempt("refused", (goOn) => borrow(person, goOn));
      return button;
    }),
  );
  find("attribution").textContent = `Borrowed voices: ${voices.attribution}.`;
  find("about").textContent = texts.about(model.model);
  find("record").onclick = () =>
    attempt("refused", async (goOn) => {
      if (state.clips.length === texts.MOST) throw new Error(texts.full);
      say("status", texts.LISTENING);
      try {
        const clip = await fromMicrophone(find("record"), find("recording"), texts.recorded(state.clips.length + 1));
        goOn();
        add(clip);
      } finally {
        goOn();
        await refresh();
      }
    });
  find("upload").onchange = ({ target }) =>
    attempt("refused", async (goOn) => {
      const files = [...target.files];
      target.value = "";
      try {
        for (const file of files) {
          const clip = await fromFile(file);
          goOn();
          add(clip);
        }
      } finally {
        await refresh();
      }
    });
  find("ask").onclick = () =>
    attempt("ask-refused", async (goOn) => {
      const clip = await fromMicrophone(find("ask"), find("asking"), `Word ${Object.keys(state.tally).length + 1}`);
      goOn();
      await compare(clip, state);
    });
  find("ask-file").onchange = ({ target }) =>
    attempt("ask-refused", async (goOn) => {
      const [file] = target.files;
      const clip = await fromFile(file);
      target.value = "";
      goOn();
      await compare(clip, state);
    });
  find("ask-borrowed").onclick = () =>
    attempt("ask-refused", async (goOn) => {
      const { person } = state.borrowed;
      const chosen = person.query[Number(find("borrowed-clip").value)];
      const clip = await fromVoice(chosen, `${person.name}’s word ${Number(find("borrowed-clip").value) + 1}`);
      goOn();
      await compare(clip, state);
      judge();
      showAnswers();
    });
  find("truth").onchange = ({ target }) => {
    state.query.truth = target.value;
    delete state.tally[state.query.name];
    judge();
    showAnswers();
  };
  find("weight").onchange = () => {
    state.choseWeight = true;
    showWeights();
  };
  find("word").onchange = preset;
  find("whose").onchange = preset;
  find("threshold").oninput = showAlarms;
  find("listen").onclick = () =>
    stopListening
      ? stopListening()
      : attempt("stream-refused", async () => {
          try {
            await startListening();
          } catch (error) {
            throw error instanceof DOMException ? new Error(texts.microphoneRefusal(error)) : error;
          }
        });
  find("forget").onclick = forget;
  new ResizeObserver(() => state.person && show()).observe(find("weights"));
  ["record", "upload"].forEach((id) => (find(id).disabled = false));
}

// A borrowed voice takes the place of what was there: two persons' clips make nobody's network.
async function borrow(person, goOn) {
  const clips = await Promise.all(person.enrollment.map((clip, number) => fromVoice(clip, texts.recorded(number + 1))));
  goOn();
  state = { ...nothing(), clips, borrowed: { person } };
  find("borrowed-clip").replaceChildren(...person.query.map((clip, number) => element("option", { value: number, textContent: clip.label })));
  await refresh();
}

async function keep() {
  if (!navigator.serviceWorker) return say("offline", texts.notKept);
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    say("offline", texts.offline);
  } catch {
    say("offline", texts.notKept);
  }
}

async function begin() {
  try {
    const [voices, ...found] = await Promise.all([json("voices/voices.json"), ask("load"), json("refusals.json"), json("model/detection.json")]);
    [model, refusals, detection] = found;
    weightNames = model.layers.flatMap(({ weights }, layer) => weights.map((name) => `Layer ${layer + 1}, ${name}`));
    wire(voices);
    preset();
    find("measured").textContent = texts.measured(detection);
    show();
  } catch (error) {
    say("trouble", texts.broken(error.message));
    say("status", "");
  }
  await keep();
}

begin();
