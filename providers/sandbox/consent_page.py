"""The pages a person sees: the question, and the provider's own error page."""

from tornado.escape import xhtml_escape

_STYLE = """
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#eef1f4;color:#1c2733;
font:16px/1.5 system-ui,sans-serif}
main{background:#fff;padding:2rem;border-radius:14px;width:min(22rem,86vw);box-shadow:0 6px 28px #1c273322}
h1{font-size:1.25rem;margin:.2rem 0 1rem}small{color:#5b6b7b}label{display:block;margin:.9rem 0}
input:not([type=checkbox]){display:block;box-sizing:border-box;width:100%;padding:.55rem;border:1px solid #b8c4cf;
border-radius:8px;font:inherit}
footer{display:flex;gap:.7rem;justify-content:flex-end;margin-top:1.4rem}
button{font:inherit;padding:.5rem 1.3rem;border-radius:8px;border:1px solid #2f5bd0;background:#fff;color:#2f5bd0}
button[value=allow]{background:#2f5bd0;color:#fff}
"""


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{xhtml_escape(title)}</title><style>{_STYLE}</style><main>{body}</main></html>"
    )


def question(provider: str, client_id: str, account: str, size: int) -> str:
    """The consent form; it is posted to the very URL it was fetched from."""
    program = xhtml_escape(client_id)
    return _page(
        f"Sandbox sign-in ({provider})",
        f"""<small>Sandbox, standing in for {xhtml_escape(provider.title())}. Nothing leaves this machine.</small>
<h1>A program wants to use your account</h1><form method="post"><small>{program}</small>
<label>Account e-mail<input name="account" type="email" required value="{xhtml_escape(account)}"></label>
<label>Contacts in the address book<input name="size" type="number" min="0" value="{size}"></label>
<label><input name="contacts" type="checkbox" checked> See and download your contacts</label>
<footer><button name="decision" value="deny" formnovalidate>Deny</button>
<button name="decision" value="allow">Allow</button></footer></form>""",
    )


def refusal(provider: str, error: str, detail: str) -> str:
    """The page on which a request ends that must not be sent back to the program."""
    return _page(
        f"Error: {error}",
        f"<small>Sandbox, standing in for {xhtml_escape(provider.title())}</small>"
        f"<h1>This sign-in cannot go on</h1><p>Error 400: {xhtml_escape(error)}</p><p>{xhtml_escape(detail)}</p>",
    )
