import { expect, test } from "bun:test";
import fc from "fast-check";
import { shareOf } from "./share.ts";

test("the shares of all replicas are the maximum together, and differ by one at most", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 50 }), (max, replicas) => {
      const shares = Array.from({ length: replicas }, (_, rank) => shareOf(max, { rank, replicas }));
      expect(shares.reduce((sum, share) => sum + BigInt(share), 0n)).toBe(BigInt(max));
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }),
  );
});
