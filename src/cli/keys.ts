import { type Command, InvalidArgumentError } from "commander";
import { createKeyMint } from "../auth/key-mint.ts";
import type { GatewayKey } from "../core/keys.ts";
import { SluiceError } from "../errors.ts";
import { actor, all, printRows, withStore } from "./database.ts";
import { addSettings } from "./settings.ts";

/** Adds `sluice keys list`, `mint`, `rotate` and `revoke`. */
export function register(program: Command): void {
  const keys = program.command("keys").description("Mint, list, rotate and revoke gateway keys in the database.");

  const list = keys.command("list").description("List the gateway keys.");
  addSettings(list, "data_dir", "database_url")
    .option("--app <app>", "Only those of this application, by id or name.")
    .option("--json", "Print JSON.", false)
    .action(({ app, json }: { app?: string; json: boolean }) =>
      withStore(list, async (store) => {
        const application = app === undefined ? undefined : (await store.applications.resolve(app))?.id;
        if (app !== undefined && application === undefined) list.error(`error: there is no application '${app}'`);
        const filter = application === undefined ? {} : { application };
        const rows = (await all((page) => store.keys.list(page, filter))).map(toRow);
        printRows(["id", "application", "env", "name", "last_four", "status", "last_used"], rows, json);
      }),
    );

  const mint = keys
    .command("mint")
    .description("Mint a gateway key. Only it is printed to standard output, this once.");
  addSettings(mint, "data_dir", "database_url")
    .requiredOption("--app <app>", "The application, by id or name.")
    .option("--env <env>", "The environment that policies see.", toEnv, "prod")
    .option("--name <name>", "For people.", "")
    .action(({ app, env, name }: { app: string; env: string; name: string }) =>
      withStore(mint, async (store) => {
        const application = await store.applications.resolve(app);
        if (application === null) return mint.error(`error: there is no application '${app}'`);
        const minting = createKeyMint({ ...store, clock: Date, checkSecret: await store.sharedSecret("gateway-keys") });
        const { key, secret } = await minting.mint({
          application: application.id,
          env,
          name,
          expiresAt: null,
          actor: actor(),
        });
        console.error(`key ${key.id} of the application '${application.name}' for ${env}; it is not shown again:`);
        console.log(secret);
      }),
    );

  const rotate = keys
    .command("rotate")
    .description("Mint a gateway key in the place of another one. Only it is printed to standard output, this once.")
    .argument("<id>", "the old key's id");
  addSettings(rotate, "data_dir", "database_url")
    .option(
      "--overlap-seconds <seconds>",
      "How long the old key goes on beside the new one; 0 ends it now.",
      toSeconds,
      86_400,
    )
    .action((id: string, { overlapSeconds }: { overlapSeconds: number }) =>
      withStore(rotate, async (store) => {
        const old = await store.keys.find(id);
        if (old === null) return rotate.error(`error: there is no key '${id}'`);
        const minting = createKeyMint({ ...store, clock: Date, checkSecret: await store.sharedSecret("gateway-keys") });
        const now = Date.now();
        const until = now + overlapSeconds * 1000;
        const expiresAt = old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt);
        const rotated = await minting
          .rotate(old, { until, expiresAt, version: old.version, actor: actor() })
          .catch((error: unknown) => {
            if (error instanceof SluiceError) rotate.error(`error: ${error.message}`);
            throw error;
          });
        if (rotated.outcome !== "changed")
          return rotate.error(`error: the key '${id}' was changed meanwhile; try again`);
        const { old: replaced, minted } = rotated.value;
        const end = new Date(replaced.expiresAt!).toISOString();
        console.error(`key ${minted.key.id} in the place of ${id}, which ends at ${end}; it is not shown again:`);
        console.log(minted.secret);
      }),
    );

  const revoke = keys.command("revoke").description("Revoke a gateway key, for ever.").argument("<id>", "the key's id");
  addSettings(revoke, "data_dir", "database_url").action((id: string) =>
    withStore(revoke, async (store) => {
      if ((await store.keys.revoke(id, Date.now(), actor())) === null) revoke.error(`error: there is no key '${id}'`);
      console.log(`revoked ${id}; a running gateway refuses it within seconds, through its admin API at once`);
    }),
  );
}

function toRow(key: GatewayKey): readonly string[] {
  const expired = key.expiresAt !== null && key.expiresAt <= Date.now();
  const status = key.revokedAt !== null ? "revoked" : expired ? "expired" : "active";
  const used = key.lastUsedAt === null ? "never" : new Date(key.lastUsedAt).toISOString();
  return [key.id, key.application, key.env, key.name, key.lastFour, status, used];
}

function toSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 2_592_000) return seconds;
  throw new InvalidArgumentError("It is whole seconds, from 0 to 30 days.");
}

function toEnv(env: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,31}$/.test(env)) return env;
  throw new InvalidArgumentError("It is lower-case letters, digits, - and _, at most 32.");
}
