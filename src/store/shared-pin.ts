import type { SharedPin } from "../core/revisions.ts";
import type { Engine } from "./engine.ts";

/** There is one policy set, so there is one row. */
const name = "policies";

/** Keeps in the database which revision is pinned, for all replicas. */
export function createSharedPin({ db }: Engine): SharedPin {
  return {
    async read() {
      const row = await db.selectFrom("pinned_revision").selectAll().where("name", "=", name).executeTakeFirst();
      if (row === undefined) return null;
      const { revision, actor, reason, pinned_at: at, files } = row;
      return { pin: { revision, actor, reason, at }, files: JSON.parse(files) };
    },
    async write(next) {
      if (next === null) return void (await db.deleteFrom("pinned_revision").where("name", "=", name).execute());
      const { revision, actor, reason, at } = next.pin;
      const row = { name, revision, actor, reason, pinned_at: at, files: JSON.stringify(next.files) };
      await db
        .insertInto("pinned_revision")
        .values(row)
        .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
        .execute();
    },
  };
}
