import { createLocalTime, definePlugin, type Facts, PluginConfigError, t } from "../../src/sdk/index.ts";
import { suggestion } from "../../src/sdk/suggest.ts";
import {
  dateOf,
  dayOf,
  days,
  isOpen,
  nextWhen,
  parseWindow,
  type WallClock,
  type Window,
  type WindowConfig,
  WindowProblem,
  weekdayOf,
} from "./window.ts";

const time = (description: string) => t.Optional(t.String({ pattern: "^\\d\\d:\\d\\d$", description }));

/**
 * Lets requests pass at certain times only, or at all but certain times.
 *
 * Times are what a wall clock in the time zone shows: an hour that a clock change skips is in no window, one that it
 * repeats is in its window twice. The clock is the moment at which the request arrived, whatever the host's own zone.
 */
export default definePlugin({
  name: "time_window",
  summary: "Lets requests pass inside or outside of windows of time.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    windows: t.Array(
      t.Object({
        days: t.Optional(
          t.Array(t.Union(days.map((day) => t.Literal(day))), {
            minItems: 1,
            uniqueItems: true,
            description: "Days on which it begins; every day when absent.",
          }),
        ),
        from: time("When it begins, as HH:MM; 00:00 when absent."),
        to: time("When it ends, not included; 24:00 when absent. Not after from: on the next day."),
        dates: t.Optional(
          t.Array(t.String({ minLength: 1 }), {
            minItems: 1,
            maxItems: 100,
            description: "Dates on which it begins, as YYYY-MM-DD or YYYY-MM-DD..YYYY-MM-DD; every date when absent.",
          }),
        ),
      }),
      { minItems: 1, maxItems: 20, description: "Windows; each is open when all that it names holds." },
    ),
    allow: t.Union([t.Literal("inside"), t.Literal("outside")], {
      default: "inside",
      description: "Whether requests pass while a window is open, or while none is.",
    }),
    time_zone: t.Optional(
      t.String({ minLength: 1, description: "IANA name, such as Europe/Berlin; the organisation's when absent." }),
    ),
    action: t.Union([t.Literal("deny"), t.Literal("warn")], {
      default: "deny",
      description: "What becomes of a request at another time.",
    }),
  }),
  reads: [],
  reasons: {
    outsideWindow: { message: "Requests pass at set times only; it is {now} and {next}." },
    insideWindow: { message: "Requests do not pass at this time; it is {now} and {next}." },
  },
  examples: [
    {
      windows: [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "09:00", to: "17:00" }],
      allow: "inside",
      time_zone: "Europe/Berlin",
      action: "deny",
    },
    { windows: [{ dates: ["2026-12-24..2027-01-02"] }], allow: "outside", action: "deny" },
  ],

  create({ windows, allow, time_zone, action }, { deny, warn }) {
    const parsed = windows.map(parse);
    const wanted = allow === "inside";
    const clock = time_zone === undefined ? organisationClock : zoneClock(time_zone);
    const zone = time_zone === undefined ? "" : ` ${time_zone}`;
    const raise = action === "deny" ? deny : warn;

    // All that are refused in one minute are refused with the same words.
    let known: { readonly day: number; readonly minute: number; readonly hit: ReturnType<typeof deny> } | undefined;
    return {
      reads: time_zone === undefined ? ["clock.date", "clock.hour", "clock.minute"] : ["now"],
      request(facts) {
        const now = clock(facts);
        if (parsed.some((window) => isOpen(window, now)) === wanted) return null;
        if (known?.day === now.day && known.minute === now.minute) return known.hit;
        const next = nextWhen(parsed, wanted, now);
        const hit = raise(wanted ? "outsideWindow" : "insideWindow", {
          now: `${written(now)}${zone}`,
          next: next === null ? "they will not pass again" : `they pass next from ${written(next)}${zone}`,
        });
        known = { ...now, hit };
        return hit;
      },
    };
  },
});

function parse(config: WindowConfig, index: number): Window {
  try {
    return parseWindow(config);
  } catch (error) {
    if (!(error instanceof WindowProblem)) throw error;
    throw new PluginConfigError(`windows.${index}${error.key === "" ? "" : `.${error.key}`}`, error.message);
  }
}

/** What the facts say is the organisation's local time. */
function organisationClock({ clock }: Facts): WallClock {
  return wallClock(clock.date, clock.hour, clock.minute);
}

function zoneClock(timeZone: string): (facts: Facts) => WallClock {
  const known = Intl.supportedValuesOf("timeZone");
  // Offsets such as +01:00 know no clock changes.
  if (/^[-+]/.test(timeZone) || !isTimeZone(timeZone)) {
    const hint = suggestion(timeZone, known);
    const near = hint.startsWith("; did you mean") ? hint : "; expected an IANA name such as Europe/Berlin";
    throw new PluginConfigError("time_zone", `there is no time zone '${timeZone}'${near}`);
  }
  const localTime = createLocalTime();
  return ({ now }) => {
    const { date, hour, minute } = localTime(now.getTime(), timeZone);
    return wallClock(date, hour, minute);
  };
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function wallClock(date: string, hour: number, minute: number): WallClock {
  const day = dayOf(date);
  if (day === undefined) throw new Error(`'${date}' is no date`);
  return { day, minute: hour * 60 + minute };
}

/** Such as `Mon 2026-11-23 09:00`. */
function written({ day, minute }: WallClock): string {
  const name = days[weekdayOf(day)]!;
  const two = (number: number) => String(number).padStart(2, "0");
  return `${name[0]!.toUpperCase()}${name.slice(1)} ${dateOf(day)} ${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
