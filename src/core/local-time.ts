/** The calendar of one minute in one time zone. */
export interface LocalTime {
  readonly hour: number;
  readonly minute: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** YYYY-MM-DD. */
  readonly date: string;
}

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/**
 * Tells the local time of an instant, whatever zone the host is in. Every zone's offset from UTC is a whole number
 * of minutes and changes on a minute, so one minute's answer is computed once per zone: Intl takes microseconds.
 */
export function createLocalTime(): (now: number, timeZone: string) => LocalTime {
  const zones = new Map<string, { format: Intl.DateTimeFormat; minute: number; value: LocalTime }>();
  return (now, timeZone) => {
    const minute = Math.floor(now / 60_000);
    let zone = zones.get(timeZone);
    if (zone?.minute === minute) return zone.value;
    const format = zone?.format ?? formatFor(timeZone);
    zone = { format, minute, value: read(format, now) };
    zones.set(timeZone, zone);
    return zone.value;
  };
}

function formatFor(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    weekday: "short",
  });
}

function read(format: Intl.DateTimeFormat, now: number): LocalTime {
  const parts: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(now)) parts[type] = value;
  return {
    hour: Number(parts.hour),
    minute: Number(parts.minute),
    weekday: weekdays.indexOf(parts.weekday ?? ""),
    date: `${parts.year}-${parts.month}-${parts.day}`,
  };
}
