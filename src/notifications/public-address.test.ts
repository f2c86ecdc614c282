import assert from "node:assert/strict";
import { test } from "node:test";
import { isPublicAddress } from "./public-address.ts";

test("addresses of the internet are public, whatever else can be written is not", () => {
  for (const address of ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"]) {
    assert.ok(isPublicAddress(address), address);
  }
  const others = [
    ["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.9", "169.254.169.254", "172.16.0.1", "192.0.2.1"],
    ["192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"],
    [
      "::",
      "::1",
      "::ffff:10.0.0.1",
      "::127.0.0.1",
      "::2",
      "::ffff:0:7f00:1",
      "64:ff9b:1::7f00:1",
      "5f00::1",
      "64:ff9b::7f00:1",
      "2002:7f00:1::",
      "fc00::1",
      "fe80::1",
      "ff02::1",
    ],
    ["", "localhost", "example.com"],
  ].flat();
  for (const address of others) assert.ok(!isPublicAddress(address), address);
});
