"""The pages a person sees: the question, and the provider's own error page."""

from tornado.escape import xhtml_escape

_STYLE = """
:root{color-scheme:light dark;--ground:#f5f6f8;--surface:#fff;--ink:#17202c;--soft:#546172;--line:#dfe4ea;
--field:#8591a3;--accent:#2a56c6;--on-accent:#fff}
@media (prefers-color-scheme:dark){:root{--ground:#0f141a;--surface:#182029;--ink:#e9eef4;--soft:#a0adbc;
--line:#2c3744;--field:#76859a;--accent:#8ab0ff;--on-accent:#0d1a33}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:1.25rem;
background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:min(26rem,100%);padding:1.75rem;background:var(--surface);border:1px solid var(--line);border-radius:1rem;
box-shadow:0 1px 2px #17202c0d,0 8px 32px #17202c14}
.badge{display:inline-block;margin:0 0 1rem;padding:.125rem .625rem;border:1px solid var(--line);border-radius:2rem;
color:var(--soft);font-size:.8125rem}
h1{margin:0;font-size:1.375rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance}
p{margin:.5rem 0 0;color:var(--soft);font-size:.9375rem;overflow-wrap:anywhere}
label{display:block;margin-top:1.125rem;font-size:.9375rem;font-weight:550}
input:not([type=checkbox]){display:block;width:100%;min-height:2.75rem;margin-top:.375rem;padding:.5rem .75rem;
border:1px solid var(--field);border-radius:.625rem;background:var(--surface);color:inherit;font:inherit;
font-weight:400}
.tick{display:flex;align-items:center;gap:.75rem;padding:.875rem 0 0;border-top:1px solid var(--line)}
[type=checkbox]{flex:none;width:1.25rem;height:1.25rem;margin:0;accent-color:var(--accent)}
footer{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin-top:1.5rem}
button{min-height:2.75rem;border:1px solid var(--line);border-radius:.625rem;background:none;color:inherit;
font:inherit;font-weight:600;cursor:pointer}
form+p{margin-top:1.25rem;text-align:center;font-size:.8125rem}
button[value=allow]{border-color:var(--accent);background:var(--accent);color:var(--on-accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
"""

_AFTERWARDS = """
document.forms[0].addEventListener("submit", () => setTimeout(() => {
  document.querySelector("main").innerHTML = "<h1>Thank you</h1><p>Your answer has been sent, and you can close this "
    + "tab. On a phone the app would open now; a browser without the app stays here.</p>";
}, 400));
"""
"""The browser ends up at the app's deep link, which leaves this page standing where there is no app."""


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{xhtml_escape(title)}</title><style>{_STYLE}</style><main>{body}</main></html>"
    )


def question(provider: str, client_id: str, account: str, size: int) -> str:
    """The consent form; it is posted to the very URL it was fetched from."""
    program = xhtml_escape(client_id)
    return _page(
        f"Sandbox sign-in ({provider})",
        f"""{_badge(provider)}<h1>A program wants to use your account</h1><p>{program}</p>
<form method="post"><label>Account e-mail
<input name="account" type="email" autocomplete="off" required value="{xhtml_escape(account)}"></label>
<label>Contacts in the address book
<input name="size" type="number" inputmode="numeric" min="0" required value="{size}"></label>
<label class="tick"><input name="contacts" type="checkbox" checked> See and download your contacts</label>
<footer><button name="decision" value="deny" formnovalidate>Deny</button>
<button name="decision" value="allow">Allow</button></footer></form>
<p>Nothing leaves this machine.</p><script>{_AFTERWARDS}</script>""",
    )


def refusal(provider: str, error: str, detail: str) -> str:
    """The page on which a request ends that must not be sent back to the program."""
    return _page(
        f"Error: {error}",
        f"{_badge(provider)}<h1>This sign-in cannot go on</h1>"
        f"<p>Error 400: {xhtml_escape(error)}</p><p>{xhtml_escape(detail)}</p>",
    )


def _badge(provider: str) -> str:
    return f'<span class="badge">Sandbox, standing in for {xhtml_escape(provider.title())}</span>'
