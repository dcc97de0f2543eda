// What the page says about what it found; what stands still is in index.html.

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export function percent(share) {
  if (share > 0 && share < 0.005) return "under 1\u00a0%";
  if (share > 0.995 && share < 1) return "over 99\u00a0%";
  return `${Math.round(100 * share)}\u00a0%`;
}

const NO_WORDS = { unknown: "none of the ten", silence: "nothing" };
export const named = (label) => NO_WORDS[label] ?? label;
const quoted = (label) => (label in NO_WORDS ? named(label) : `“${label}”`);

export const READY = "Say, upload or borrow a first word.";
export const SPEAK = "Speak now …";
export const LISTENING = "Listening …";
export const FORGOTTEN = "Everything is forgotten: no clip and nothing made of one is left on this page.";
export const MOST = 10; // clips, as many as training enrolled

export const offline = "The page is now kept on this device and sends no request at all: switch your connection off and try.";
export const notKept = "This browser does not keep the page for use offline: it asks for an https or localhost address.";

export function broken(reason) {
  return `The network could not be loaded (${reason}); reload the page, or try a current browser.`;
}

export function microphoneRefusal(error) {
  if (error.name === "NotAllowedError") return "The browser did not give the microphone; allow it in the address bar, or upload clips or borrow a voice.";
  if (error.name === "NotFoundError") return "There is no microphone here; upload clips or borrow a voice.";
  if (error.name === "SecurityError") return "Browsers lend the microphone to https and localhost pages only; upload clips or borrow a voice.";
  return "The microphone cannot be heard, another program may hold it; upload clips or borrow a voice.";
}

export const undecodable = (name) => `${name} cannot be read as sound by this browser; save it as WAV, or choose another file.`;
export const full = `${MOST} clips are as many as the network was trained with; remove one first.`;
export const recorded = (number) => `Clip ${number}`;

export function ready(clips, milliseconds) {
  const more = clips < 3 ? ` ${counted(3 - clips, "more clip")} would make it surer.` : "";
  return `Your network is ready: ${counted(clips, "clip")}, one forward pass, ${milliseconds.toFixed(0)} ms, no training.${more}`;
}

export function narrowed({ clips, shares, weights, allClips }) {
  return `Each of your ${weights} weights is a bell curve. Dashed: where it may lie for anybody. Solid: where it may lie for you, that is, where it would end up if you gave ${allClips} clips. After ${counted(clips, "clip")} yours are on average ${percent(shares[clips - 1])} as wide. One of them:`;
}

export function curve(name, { prior, posterior }) {
  const moved = (posterior.mean - prior.mean) / prior.std;
  const where = Math.abs(moved) < 0.1 ? "hardly moved" : `moved ${Math.abs(moved).toFixed(1)} standard deviations ${moved > 0 ? "up" : "down"}`;
  const say = ({ mean, std }) => `${mean.toFixed(3)} ± ${std.toFixed(3)}`;
  return `${name}: anybody ${say(prior)}, you ${say(posterior)}; it ${where}.`;
}

// Answers are lists of [label, probability], the likeliest first.
export function verdict({ everybody, yours, truth, lower, upper }) {
  const range = `95\u00a0% of ${DRAWS} draws of your weights give ${quoted(yours[0][0])} ${percent(lower)} to ${percent(upper)}.`;
  const [theirs, mine] = [everybody[0][0], yours[0][0]];
  if (!truth) {
    const together = theirs === mine ? `Both hear ${quoted(mine)}.` : `Everybody’s network hears ${quoted(theirs)}, yours hears ${quoted(mine)}.`;
    return `${together} ${range} Say below which word it was.`;
  }
  const right = [theirs === truth, mine === truth];
  if (right[0] && right[1]) {
    const gap = yours[0][1] - everybody[0][1];
    const surer = Math.abs(gap) < 0.01 ? "they are equally sure" : `${gap > 0 ? "yours" : "everybody’s"} is surer`;
    return `Both are right; ${surer}. ${range}`;
  }
  if (right[1]) return `Yours is right where everybody’s is wrong. ${range}`;
  if (right[0]) return `Yours is wrong where everybody’s is right: here your clips did harm. ${range}`;
  return `Both are wrong. ${range}`;
}

export const DRAWS = 100;

export function tally({ won, lost, right, wrong }) {
  const all = won + lost + right + wrong;
  if (!all) return "";
  return `So far, of ${counted(all, "word")} whose truth is known: yours right ${right + won}, everybody’s right ${right + lost}. So few are an impression, not a measurement.`;
}

export function alarms({ word, whose, threshold, alarmsAnHour, caught, takes, hours }) {
  const every = alarmsAnHour < 0.005 ? "no false alarm at all" : `${alarmsAnHour.toFixed(alarmsAnHour < 10 ? 1 : 0)} false alarms an hour`;
  const network = whose === "personal" ? "personal networks" : "everybody’s network";
  return `Measured at ${percent(threshold)}: in ${hours.toFixed(1)} hours of other speech and noise ${network} gave ${every}, and caught ${percent(caught)} of ${takes} takes of “${word}”.`;
}

export function measured(found) {
  const sources = {
    speechocean762: "English sentences read by learners",
    speech_commands_test_others: "single words that are no command",
    arabic_speech_commands: "Arabic commands",
    "synthetic-en": "synthetic voices",
    noise: "noise with the spectrum of speech",
  };
  const heard = Object.entries(found.hours).map(([name, hours]) => `${sources[name] ?? name} (${hours < 1 ? `${Math.round(60 * hours)} min` : `${hours.toFixed(1)} h`})`);
  const { hop, smoothing, refractory } = found.stream;
  return `Other sound is ${heard.join(", ")}, of people whom no network here was trained on; a recording that says the word is left out for it. Takes of the word are those of ${found.persons} further people, one word after another. Personal networks were made of ${found.shots} clips; those of ${found.listeners} people heard the other sound. A query every ${hop / 16} ms; a detection is the mean of ${smoothing} queries, and for ${((refractory * hop) / 16000).toFixed(0)} s after it there is no other. A threshold is preset so that at most ${counted(found.most_alarms_an_hour, "false alarm")} an hour came through.`;
}

export const heardAt = (word, share, time) => `${word}, ${percent(share)}, at ${time}`;
export const tooSlow = "This device does not keep up with ten queries a second; some are left out.";

export function about(fingerprint) {
  return `VoP Studio’s English keywords (${fingerprint}): a reconstruction of Variational On-the-Fly Personalization (Kim et al., ICML 2022), for study, not for products.`;
}
