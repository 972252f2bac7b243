"""Stand-ins for GitHub's and GitLab's APIs, as `gh` and `curl` reach them: a few lists kept in one JSON file, and a log
of every call. What the scripts do not use is not here, and is an error."""

import json
import os
import pathlib
import sys
from urllib.parse import parse_qs, urlsplit

STORE = pathlib.Path(os.environ["STAND_IN"])


def load():
    return json.loads(STORE.read_text())


def log(store, method, path, body, arguments):
    store["calls"].append({"method": method, "path": path, "body": body, "arguments": arguments})


def fail(message):
    print(message, file=sys.stderr)
    sys.exit(22)


def of_repository(path):
    parts = path.split("/")
    assert parts[:3] == ["repos", "acme", "access"], path
    return parts[3:]


def github(arguments):
    """`gh api [--paginate] [--method M] PATH [-f k=v]… [--input -]`"""
    assert arguments[0] == "api", arguments
    assert os.environ.get("GH_TOKEN"), "no GH_TOKEN"
    method, path, fields, body = "GET", None, {}, None
    rest = iter(arguments[1:])
    for word in rest:
        if word == "--method":
            method = next(rest)
        elif word == "-f":
            key, _, value = next(rest).partition("=")
            fields[key] = value
        elif word == "--input":
            assert next(rest) == "-"
            body = json.load(sys.stdin)
        elif word == "--paginate":
            pass
        else:
            assert path is None, arguments
            path = word
    body = body if body is not None else fields
    store = load()
    log(store, method, path, body, arguments)
    answer = github_answer(store, method, urlsplit(path), body)
    STORE.write_text(json.dumps(store))
    print(json.dumps(answer))


def github_answer(store, method, url, body):
    match [method, *of_repository(url.path)]:
        case ["GET", "issues", number, "comments"]:
            return [c for c in store["comments"] if c["number"] == number]
        case ["POST", "issues", number, "comments"]:
            comment = {"id": len(store["comments"]) + 100, "number": number, "user": {"login": store["me"]}, **body}
            store["comments"].append(comment)
            return comment
        case ["PATCH", "issues", "comments", wanted]:
            [comment] = [c for c in store["comments"] if str(c["id"]) == wanted]
            comment.update(body)
            return comment
        case ["POST", "statuses", sha]:
            status = {"sha": sha, "creator": {"login": store["me"]}, "created_at": store["now"], **body}
            store["statuses"].append(status)
            return status
        case ["GET", "commits", sha, "statuses"]:
            return [s for s in store["statuses"] if s["sha"] == sha]
        case ["GET", "commits", sha, "pulls"]:
            return store["pulls"].get(sha, [])
        case ["GET", "pulls", number, "reviews"]:
            return store["reviews"]
        case ["GET", "pulls", number, "commits"]:
            return store["commits"]
        case ["GET", "rules", "branches", "main"]:
            return store["rules"]
        case ["GET", "branches", "main"]:
            return {"name": "main", "protected": store["protected"]}
        case ["GET", "collaborators", login, "permission"]:
            return {"permission": store["permissions"].get(login, "read")}
        case ["GET", "issues"]:
            label = parse_qs(url.query)["labels"][0]
            return [i for i in store["issues"] if i["state"] == "open" and label in i["labels"]]
        case ["POST", "issues"]:
            issue = {"number": len(store["issues"]) + 1, "state": "open", "user": {"login": store["me"]}, **body}
            store["issues"].append(issue)
            return issue
        case ["PATCH", "issues", number]:
            [issue] = [i for i in store["issues"] if str(i["number"]) == number]
            issue.update(body)
            return issue
    fail(f"no such endpoint: {method} {url.path}")


def gitlab(arguments):
    """`curl --fail --silent --show-error [--location] --config - [--request M] [--header H] [--data @FILE] URL`"""
    assert os.environ["SECRET"] not in " ".join(arguments), "the token is on the command line"
    assert os.environ["SECRET"] in sys.stdin.read(), "no token"
    method, url, body = "GET", None, None
    rest = iter(arguments)
    for word in rest:
        if word == "--request":
            method = next(rest)
        elif word == "--data":
            body = json.loads(pathlib.Path(next(rest).removeprefix("@")).read_text())
        elif word in ("--header", "--config"):
            next(rest)
        elif word in ("--fail", "--silent", "--show-error", "--location"):
            pass
        else:
            assert url is None, arguments
            url = urlsplit(word)
    store = load()
    log(store, method, url.path, body, arguments)
    answer = gitlab_answer(store, method, url, body)
    STORE.write_text(json.dumps(store))
    print(answer if isinstance(answer, str) else json.dumps(answer))


def gitlab_answer(store, method, url, body):
    parts = url.path.removeprefix("/api/v4/").split("/")
    query = parse_qs(url.query)
    match [method, *parts]:
        case ["GET", "user"]:
            return {"id": 7}
        case ["GET", "projects", "1", "merge_requests", "5", "notes"]:
            page, size = int(query["page"][0]), int(query["per_page"][0])
            return store["notes"][(page - 1) * size : page * size]
        case ["POST", "projects", "1", "merge_requests", "5", "notes"]:
            note = {"id": len(store["notes"]) + 1, "author": {"id": 7}, **body}
            store["notes"].append(note)
            return note
        case ["PUT", "projects", "1", "merge_requests", "5", "notes", wanted]:
            [note] = [n for n in store["notes"] if str(n["id"]) == wanted]
            note.update(body)
            return note
        case ["GET", "projects", "1", "issues"]:
            page, size = int(query["page"][0]), int(query["per_page"][0])
            wanted = (query["state"][0], int(query["author_id"][0]), query["scope"][0])
            found = [
                i
                for i in store["issues"]
                if (i["state"], i["author"]["id"], "all") == wanted and query["labels"][0] in i["labels"]
            ]
            return found[(page - 1) * size : page * size]
        case ["POST", "projects", "1", "issues"]:
            # As GitLab has it: labels are given as one text and answered as a list.
            issue = {"iid": len(store["issues"]) + 1, "state": "opened", "author": {"id": 7}, **body}
            store["issues"].append(issue | {"labels": body["labels"].split(",")})
            return issue
        case ["PUT", "projects", "1", "issues", wanted]:
            [issue] = [i for i in store["issues"] if str(i["iid"]) == wanted]
            if body.pop("state_event", None) == "close":
                issue["state"] = "closed"
            issue.update(body)
            return issue
        case ["GET", "projects", "1", "repository", "commits", sha, "merge_requests"]:
            return store["merge_requests"].get(sha, [])
        case ["GET", "projects", "1", "merge_requests", "5", "approvals"]:
            return store["approvals"]
        case ["GET", "projects", "1", "merge_requests", "5", "pipelines"]:
            return store["pipelines"]
        case ["GET", "projects", "1", "merge_requests", "5", "commits"]:
            page, size = int(query["page"][0]), int(query["per_page"][0])
            return store["commits"][(page - 1) * size : page * size]
        case ["GET", "users", wanted]:
            return {"id": int(wanted), "public_email": store["emails"].get(wanted)}
        case ["GET", "projects", "1", "pipelines", wanted]:
            return {"id": int(wanted), "user": {"id": store["pushers"].get(wanted)}}
        case ["GET", "projects", "1", "pipelines", wanted, "jobs"]:
            return [j for j in store["jobs"] if str(j["pipeline"]) == wanted]
        case ["GET", "projects", "1", "jobs", wanted, "artifacts", *path]:
            [job] = [j for j in store["jobs"] if str(j["id"]) == wanted]
            if path[:2] != ["plan", "access"] or path[2] not in ("digest", "base"):
                fail(f"no such artifact: {path}")
            if job.get(path[2], "") is None:
                fail("curl: (22) The requested URL returned error: 404")
            return job.get(path[2], "")
    fail(f"no such endpoint: {method} {url.path}")


if __name__ == "__main__":
    {"gh": github, "curl": gitlab}[sys.argv[1]](sys.argv[2:])
