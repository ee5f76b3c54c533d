import { describe, expect, it } from "vitest";

import { cookieLifeMs, createAccess, isOwnHost, isOwnOrigin, linkLifeMs, signLink } from "./access.ts";

function start(secret = new Uint8Array(32).fill(1)) {
  const time = { nowMs: 1_000 };
  let ids = 0;
  const access = createAccess({ secret, newId: () => `token-${(ids += 1)}`, now: () => time.nowMs });
  return { access, time };
}

describe("a link", () => {
  it("opens once", () => {
    const { access } = start();
    const token = access.newLink();
    expect(access.openLink(token)).toBe("opened");
    expect(access.openLink(token)).toBe("refused");
  });

  it("opens nothing after its life, not even once", () => {
    const { access, time } = start();
    const token = access.newLink();
    time.nowMs += linkLifeMs;
    expect(access.openLink(token)).toBe("refused");
  });

  it("does not open with a token that was made up, or whose time was changed", () => {
    const { access, time } = start();
    const [id, , signature] = access.newLink().split(".");
    for (const token of ["", "token-1", "token-2.1000.x", `${id}.${time.nowMs + 1}.${signature}`]) {
      expect(access.openLink(token)).toBe("refused");
    }
  });

  it("may be made beside the running program by whoever reads its secret, and by nobody else", () => {
    const { access, time } = start();
    expect(access.openLink(signLink(new Uint8Array(32).fill(2), "a", time.nowMs))).toBe("refused");
    expect(access.openLink(signLink(new Uint8Array(32).fill(1), "a", time.nowMs))).toBe("opened");
  });

  it("opens nothing in the next life of the program, which cannot know whether it was used", () => {
    const { access, time } = start();
    const token = access.newLink();
    access.openLink(token);
    time.nowMs += 1;
    const next = createAccess({ secret: new Uint8Array(32).fill(1), newId: () => "b", now: () => time.nowMs });
    expect(next.openLink(token)).toBe("refused");
  });

  it("is no cookie, and a cookie is no link", () => {
    const { access } = start();
    expect(access.isCookieValid(access.newLink())).toBe(false);
    expect(access.openLink(access.newCookie())).toBe("refused");
  });
});

describe("a cookie", () => {
  it("is valid in the next life of the server, which has the same secret", () => {
    expect(start().access.isCookieValid(start().access.newCookie())).toBe(true);
  });

  it("is worth nothing under another secret", () => {
    const other = start(new Uint8Array(32).fill(2));
    expect(other.access.isCookieValid(start().access.newCookie())).toBe(false);
  });

  it("is worth nothing after its life, and its life cannot be lengthened", () => {
    const { access, time } = start();
    const cookie = access.newCookie();
    time.nowMs += cookieLifeMs;
    expect(access.isCookieValid(cookie)).toBe(false);
    const [id, , signature] = cookie.split(".");
    expect(access.isCookieValid(`${id}.${time.nowMs * 2}.${signature}`)).toBe(false);
  });

  it.each(["", ".", "..", "a.9999999999999.", "a.9999999999999.b", "a.b.c.d"])("is not %j", (value) => {
    expect(start().access.isCookieValid(value)).toBe(false);
  });
});

describe("a host", () => {
  const loopback = { host: "127.0.0.1", port: 8474 };

  it.each(["127.0.0.1:8474", "localhost:8474", "LOCALHOST:8474", "[::1]:8474"])("is ours as %s", (header) => {
    expect(isOwnHost(header, loopback)).toBe(true);
  });

  it.each([
    undefined,
    "",
    "evil.example:8474",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.0.0.1:84740",
    "127.0.0.1.evil.example:8474",
    "localhost.evil.example:8474",
    "192.168.1.5:8474",
    "127.0.0.1:8474@evil.example",
  ])("is not ours as %s", (header) => {
    expect(isOwnHost(header, loopback)).toBe(false);
  });

  it("is any address, and still no name, when we listen on all addresses: rebinding needs a name", () => {
    const all = { host: "0.0.0.0", port: 8474 };
    expect(isOwnHost("192.168.1.5:8474", all)).toBe(true);
    expect(isOwnHost("[fd00::5]:8474", all)).toBe(true);
    expect(isOwnHost("evil.example:8474", all)).toBe(false);
  });

  it("needs no port in its header where the port is 80", () => {
    expect(isOwnHost("127.0.0.1", { host: "127.0.0.1", port: 80 })).toBe(true);
  });
});

it("an origin is ours only as the very host that was asked", () => {
  expect(isOwnOrigin("http://127.0.0.1:8474", "127.0.0.1:8474")).toBe(true);
  for (const origin of [undefined, "null", "http://localhost:8474", "https://127.0.0.1:8474", "http://evil.example"]) {
    expect(isOwnOrigin(origin, "127.0.0.1:8474")).toBe(false);
  }
});
