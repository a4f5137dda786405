import { describe, expect, test } from "bun:test";
import { createLocalTime } from "../../src/sdk/index.ts";
import { testPlugin } from "../../src/sdk/testing.ts";
import timeWindow from "./plugin.ts";

/** The facts of an organisation whose clock shows this. */
const local = (date: string, hour: number, minute = 0) => ({ clock: { date, hour, minute } });
const at = (time: string) => ({ now: new Date(time) });
const office = { windows: [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "09:00", to: "17:00" }] };
const night = { windows: [{ days: ["fri"], from: "22:00", to: "06:00" }] };
const holidays = { windows: [{ dates: ["2026-12-24..2027-01-02", "2026-11-26"] }], allow: "outside" };
const dates = (count: number) =>
  Array.from({ length: count }, (_, i) => new Date(Date.UTC(2027, 0, 1 + i)).toISOString().slice(0, 10));
const berlin = (from: string, to: string) => ({ windows: [{ from, to }], time_zone: "Europe/Berlin" });
const outside = (now: string, next: string) => ({
  deny: "outsideWindow" as const,
  message: `Requests pass at set times only; it is ${now} and ${next}.`,
});
const inside = (now: string, next: string) => ({
  deny: "insideWindow" as const,
  message: `Requests do not pass at this time; it is ${now} and ${next}.`,
});

testPlugin(timeWindow, {
  dir: import.meta.dir,
  config: office,
  cases: [
    { name: "a window is open from its first minute", facts: local("2026-11-20", 9), expects: "allow" },
    { name: "to the last minute before its end", facts: local("2026-11-20", 16, 59), expects: "allow" },
    {
      name: "a minute before it begins it is closed, and says when it opens",
      facts: local("2026-11-20", 8, 59),
      expects: {
        ...outside("Fri 2026-11-20 08:59", "they pass next from Fri 2026-11-20 09:00"),
        code: "outside_window",
        status: 403,
      },
    },
    {
      name: "at its end it is closed until the next day that is named",
      facts: local("2026-11-20", 17),
      expects: outside("Fri 2026-11-20 17:00", "they pass next from Mon 2026-11-23 09:00"),
    },
    {
      name: "a window over midnight is open on its evening",
      config: night,
      facts: local("2026-11-20", 23),
      expects: "allow",
    },
    {
      name: "and on the next morning, though that is another weekday",
      config: night,
      facts: local("2026-11-21", 5, 59),
      expects: "allow",
    },
    {
      name: "but not on the morning of its own day",
      config: night,
      facts: local("2026-11-20", 5, 59),
      expects: outside("Fri 2026-11-20 05:59", "they pass next from Fri 2026-11-20 22:00"),
    },
    {
      name: "and it ends",
      config: night,
      facts: local("2026-11-21", 6),
      expects: outside("Sat 2026-11-21 06:00", "they pass next from Fri 2026-11-27 22:00"),
    },
    {
      name: "a window without an end lasts to midnight",
      config: { windows: [{ from: "18:00" }] },
      facts: local("2026-11-20", 23, 59),
      expects: "allow",
    },
    {
      name: "one without a beginning begins there",
      config: { windows: [{ to: "06:00" }] },
      facts: local("2026-11-20", 6),
      expects: outside("Fri 2026-11-20 06:00", "they pass next from Sat 2026-11-21 00:00"),
    },
    {
      name: "of several windows one is enough",
      config: { windows: [{ days: ["sat"] }, { from: "12:00", to: "13:00" }] },
      facts: local("2026-11-20", 12, 30),
      expects: "allow",
    },
    {
      name: "the end of one is no end where the next one begins",
      config: {
        windows: [
          { from: "09:00", to: "12:00" },
          { from: "12:00", to: "15:00" },
        ],
        allow: "outside",
      },
      facts: local("2026-11-20", 11),
      expects: inside("Fri 2026-11-20 11:00", "they pass next from Fri 2026-11-20 15:00"),
    },
    { name: "outside of dates requests pass", config: holidays, facts: local("2026-12-23", 23, 59), expects: "allow" },
    {
      name: "inside they do not, until the day after the last date",
      config: holidays,
      facts: local("2026-12-24", 0),
      expects: {
        ...inside("Thu 2026-12-24 00:00", "they pass next from Sun 2027-01-03 00:00"),
        code: "inside_window",
        status: 403,
      },
    },
    {
      name: "a single date is a range of one",
      config: holidays,
      facts: local("2026-11-26", 23, 59),
      expects: inside("Thu 2026-11-26 23:59", "they pass next from Fri 2026-11-27 00:00"),
    },
    {
      name: "what does not open again says so",
      config: { windows: [{ dates: ["2026-01-01..2026-01-31"] }] },
      facts: local("2026-11-20", 12),
      expects: outside("Fri 2026-11-20 12:00", "they will not pass again"),
    },
    {
      name: "what opens years from now is found",
      config: { windows: [{ days: ["sun"], dates: ["2029-06-01..2029-06-30"], from: "10:00" }] },
      facts: local("2026-11-20", 12),
      expects: outside("Fri 2026-11-20 12:00", "they pass next from Sun 2029-06-03 10:00"),
    },
    {
      name: "it may only warn",
      config: { ...office, action: "warn" },
      facts: local("2026-11-21", 12),
      expects: {
        warn: "outsideWindow",
        message:
          "Requests pass at set times only; it is Sat 2026-11-21 12:00 and they pass next from Mon 2026-11-23 09:00.",
      },
    },
    {
      name: "a zone of its own counts from the instant, not from the organisation's clock",
      config: { ...office, time_zone: "Asia/Tokyo" },
      facts: { ...at("2026-11-20T00:00:00Z"), ...local("2026-11-19", 19) },
      expects: "allow",
    },
    {
      name: "before the clocks go forward the hour is the winter's",
      config: berlin("01:30", "03:00"),
      facts: at("2026-03-29T00:59:59Z"),
      expects: "allow",
    },
    {
      name: "the hour that is skipped is in no window: 02:00 is 03:00",
      config: berlin("01:30", "03:00"),
      facts: at("2026-03-29T01:00:00Z"),
      expects: outside("Sun 2026-03-29 03:00 Europe/Berlin", "they pass next from Mon 2026-03-30 01:30 Europe/Berlin"),
    },
    {
      name: "a window that begins in it is open when it is over",
      config: berlin("02:30", "04:00"),
      facts: at("2026-03-29T01:00:00Z"),
      expects: "allow",
    },
    {
      name: "the day after, nine o'clock is an hour earlier in UTC",
      config: berlin("09:00", "10:00"),
      facts: at("2026-03-30T07:00:00Z"),
      expects: "allow",
    },
    {
      name: "the hour that is repeated is in its window the first time",
      config: berlin("02:00", "03:00"),
      facts: at("2026-10-25T00:30:00Z"),
      expects: "allow",
    },
    {
      name: "and the second time",
      config: berlin("02:00", "03:00"),
      facts: at("2026-10-25T01:59:59Z"),
      expects: "allow",
    },
    {
      name: "and then it is over",
      config: berlin("02:00", "03:00"),
      facts: at("2026-10-25T02:00:00Z"),
      expects: outside("Sun 2026-10-25 03:00 Europe/Berlin", "they pass next from Mon 2026-10-26 02:00 Europe/Berlin"),
    },
    {
      name: "a clock change of half an hour is one",
      config: { windows: [{ from: "01:30", to: "01:45" }], time_zone: "Australia/Lord_Howe" },
      facts: at("2026-04-04T15:05:00Z"),
      expects: "allow",
    },
  ],
  accepts: [
    { windows: Array.from({ length: 20 }, () => ({ from: "09:59", to: "10:00" })) },
    { windows: [{ dates: dates(100) }] },
    { windows: [{ from: "22:00", to: "24:00" }] },
    // A Monday to a Sunday: the last day of the week is in it.
    { windows: [{ days: ["sun"], dates: ["2026-11-23..2026-11-29"] }] },
    { windows: [{ days: ["sun"], dates: ["2026-11-23..2026-12-06"] }] },
  ],
  refuses: [
    { config: { windows: [] }, at: "windows" },
    { config: { windows: Array.from({ length: 21 }, () => ({ from: "09:59" })) }, at: "windows" },
    {
      config: { windows: [{ days: [] }] },
      at: "windows.0.days",
      message: "expected a list of at least 1 element without repetitions, got an empty list",
    },
    { config: { windows: [{ days: ["mon", "mon"] }] }, at: "windows.0.days" },
    {
      config: { windows: [{ dates: [] }] },
      at: "windows.0.dates",
      message: "expected a list from 1 to 100 elements, got an empty list",
    },
    { config: { windows: [{ dates: dates(101) }] }, at: "windows.0.dates" },
    {
      config: { windows: [{ dates: [""] }] },
      at: "windows.0.dates.0",
      message: "expected a string of at least 1 character, got ''",
    },
    { config: { windows: [{ dates: ["2026-02-30..2026-03-01"] }] }, at: "windows.0.dates.0" },
    { config: { windows: [{ dates: ["2026-02-01..2026-02-30"] }] }, at: "windows.0.dates.0" },
    { config: { windows: [{ from: "19:5x" }] }, at: "windows.0.from" },
    {
      config: { ...office, time_zone: "" },
      at: "time_zone",
      message: "expected a string of at least 1 character, got ''",
    },
    { config: { windows: [{}] }, at: "windows.0", message: "set days, from and to, or dates" },
    { config: { windows: [{ days: ["mo"] }] }, at: "windows.0.days.0" },
    {
      config: { windows: [{ days: ["mon", "tue"], dates: ["2026-11-20", "2026-11-28..2026-11-29"] }] },
      at: "windows.0.days",
      message: "never open: none of the dates is a mon, tue",
    },
    { config: { windows: [{ days: ["mon"] }, { from: "9:00" }] }, at: "windows.1.from" },
    {
      config: { windows: [{ from: "24:01" }] },
      at: "windows.0.from",
      message: "expected a time from 00:00 to 24:00, got '24:01'",
    },
    {
      config: { windows: [{ to: "12:60" }] },
      at: "windows.0.to",
      message: "expected a time from 00:00 to 24:00, got '12:60'",
    },
    { config: { windows: [{ from: "24:00" }] }, at: "windows.0.from" },
    {
      config: { windows: [{ from: "22:00", to: "00:00" }] },
      at: "windows.0.to",
      message: "write 24:00 for the end of the day",
    },
    { config: { windows: [{ from: "09:00", to: "09:00" }] }, at: "windows.0.to" },
    {
      config: { windows: [{ dates: ["2026-12-24", "2026-02-30"] }] },
      at: "windows.0.dates.1",
      message: "expected a date such as 2026-12-24 or dates such as 2026-12-24..2027-01-02, got '2026-02-30'",
    },
    { config: { windows: [{ dates: ["2026-12-24..2026-12-23"] }] }, at: "windows.0.dates.0" },
    { config: { windows: [{ dates: ["2026-12-24..2026-12-25..2026-12-26"] }] }, at: "windows.0.dates.0" },
    {
      config: { ...office, time_zone: "Europe/Berln" },
      at: "time_zone",
      message: "there is no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
    },
    {
      config: { ...office, time_zone: "+01:00" },
      at: "time_zone",
      message: "there is no time zone '+01:00'; expected an IANA name such as Europe/Berlin",
    },
    { config: { ...office, allow: "always" }, at: "allow" },
  ],
});

describe("the host's own time zone", () => {
  // Half-hour steps over both clock changes of two zones, judged in a process whose host is elsewhere.
  const script = `
    import timeWindow from ${JSON.stringify(`${import.meta.dir}/plugin.ts`)};
    import { instantiate } from ${JSON.stringify(`${import.meta.dir}/../../src/sdk/instantiate.ts`)};
    import { emptyFacts } from ${JSON.stringify(`${import.meta.dir}/../../src/core/facts.ts`)};
    const lines = [];
    for (const zone of ["Europe/Berlin", "America/New_York"]) {
      const window = { from: "01:30", to: "03:00", days: ["sun"], dates: ["2026-01-01..2026-12-31"] };
      const made = instantiate(timeWindow, { windows: [window], time_zone: zone }, () => ({ reads: [], test: () => true }));
      for (const day of ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"]) {
        for (let half = 0; half < 24; half += 1) {
          const now = new Date(Date.parse(day + "T00:00:00Z") + half * 1_800_000);
          const verdict = made.evaluate.request({ ...emptyFacts(), now });
          lines.push(now.toISOString() + " " + zone + " " + (verdict === null ? "open" : verdict[0].message));
        }
      }
    }
    await Bun.write(Bun.stdout, lines.join("\\n"));`;

  async function judgedIn(zone: string): Promise<string[]> {
    const child = Bun.spawn([process.execPath, "-e", script], {
      env: { ...process.env, TZ: zone },
      stdout: "pipe",
      stderr: "inherit",
    });
    const text = await new Response(child.stdout).text();
    expect(await child.exited).toBe(0);
    return text.split("\n");
  }

  test("does not matter, on the days of clock changes included", async () => {
    const [utc, berlin, newYork, kolkata] = await Promise.all(
      ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"].map(judgedIn),
    );
    expect(utc).toHaveLength(192);
    expect(berlin).toEqual(utc);
    expect(newYork).toEqual(utc);
    expect(kolkata).toEqual(utc);
    const open = (zone: string, day: string) =>
      utc!.filter((line) => line.startsWith(day) && line.includes(zone) && line.endsWith("open")).length;
    // Half-hours: one before the hour that is skipped; in Berlin all of 02:00 to 03:00 twice, in New York 01:30 twice.
    expect([open("Europe/Berlin", "2026-03-29"), open("America/New_York", "2026-03-08")]).toEqual([1, 1]);
    expect([open("Europe/Berlin", "2026-10-25"), open("America/New_York", "2026-11-01")]).toEqual([4, 4]);
    expect([open("Europe/Berlin", "2026-03-08"), open("America/New_York", "2026-10-25")]).toEqual([3, 3]);
  }, 30_000);

  test("nor does it for the local time that the organisation's clock is made of", () => {
    const localTime = createLocalTime();
    expect(localTime(Date.parse("2026-10-25T01:30:00Z"), "Europe/Berlin")).toMatchObject({
      hour: 2,
      date: "2026-10-25",
    });
  });
});
