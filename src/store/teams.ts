import type { Team, Teams } from "../core/control.ts";
import type { Clock } from "../core/ports.ts";
import type { Engine } from "./engine.ts";
import { idFromName } from "./ids.ts";
import { toTeam } from "./rows.ts";
import type { Row } from "./tables.ts";

/** Keeps teams in the database. */
export function createTeams(engine: Engine, clock: Clock): Teams {
  const { db } = engine;

  const find = async (id: string) => {
    const row = await db.selectFrom("teams").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? null : toTeam(row);
  };

  const findIn = async (organisation: string, idOrName: string): Promise<Team | null> => {
    const rows = await db
      .selectFrom("teams")
      .selectAll()
      .where("organisation_id", "=", organisation)
      .where((is) => is.or([is("id", "=", idOrName), is("name", "=", idOrName)]))
      .execute();
    const row = rows.find(({ id }) => id === idOrName) ?? rows[0];
    return row === undefined ? null : toTeam(row);
  };

  return {
    find,
    async ensure(organisation, idOrName) {
      const found = await findIn(organisation, idOrName);
      if (found !== null) return found;
      const now = clock.now();
      const row: Row<"teams"> = {
        id: await idFromName(idOrName, "team", async (id) => (await find(id)) !== null),
        organisation_id: organisation,
        name: idOrName,
        labels: "{}",
        version: 1,
        created_at: now,
        updated_at: now,
      };
      try {
        await db.insertInto("teams").values(row).execute();
      } catch (error) {
        // Made by someone else since it was looked for.
        const made = engine.isDuplicate(error) ? await findIn(organisation, idOrName) : null;
        if (made === null) throw error;
        return made;
      }
      return toTeam(row);
    },
  };
}
