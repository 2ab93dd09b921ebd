// Passkeys: the forms with data-passkey, which a device without script or passkeys never shows.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// What browsers of 2025 read and write themselves, for those that do not.
function parse(kind, options) {
  const own = kind === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
  if (PublicKeyCredential[own]) return PublicKeyCredential[own](options);
  const ids = (list) => (list ?? []).map((c) => ({ ...c, id: bytes(c.id) }));
  return kind === "create"
    ? { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: ids(options.excludeCredentials) }
    : { ...options, challenge: bytes(options.challenge), allowCredentials: ids(options.allowCredentials) };
}

function written(c) {
  if (c.toJSON) return c.toJSON();
  const r = c.response, response = { clientDataJSON: text(r.clientDataJSON) };
  if (r.attestationObject) Object.assign(response, { attestationObject: text(r.attestationObject), transports: r.getTransports?.() ?? [] });
  else Object.assign(response, { authenticatorData: text(r.authenticatorData), signature: text(r.signature), userHandle: r.userHandle ? text(r.userHandle) : undefined });
  return { id: c.id, rawId: text(c.rawId), type: c.type, response, clientExtensionResults: c.getClientExtensionResults() };
}

async function ask(form, more) {
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams([...new FormData(form), ...Object.entries(more)]) });
  const said = await answer.json();
  if (said.error) throw Object.assign(new Error(said.error), { said: true });
  return said;
}

async function go(form) {
  const kind = form.dataset.passkey;
  const begun = await ask(form, {});
  const publicKey = parse(kind, begun.options.publicKey);
  const credential = await navigator.credentials[kind]({ publicKey });
  const done = await ask(form, { ceremony: begun.ceremony, response: JSON.stringify(written(credential)) });
  if (form.dataset.after) document.getElementById(form.dataset.after).submit();
  else location.assign(done.go);
}

for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const button = form.querySelector("button"), said = form.querySelector(".said");
    button.disabled = true;
    said.textContent = "";
    try {
      await go(form);
    } catch (trouble) {
      said.textContent = trouble.said ? trouble.message : form.dataset.failed;
    }
    button.disabled = false;
  });
}
