import { expect, it } from 'vitest';
import { periodOfDays } from '../../src/domain/usage-period.ts';

const startsOf = (from: string, to: string, timeZone: string) => {
  const { localDays, end } = periodOfDays({ from, to, timeZone });
  return [...(localDays ?? []).map(({ start }) => start), end];
};

it.each([
  ['a clock set forward', 'Europe/Berlin', '2026-03-29', ['2026-03-28T23:00', '2026-03-29T22:00']],
  ['a clock set back', 'Europe/Berlin', '2026-10-25', ['2026-10-24T22:00', '2026-10-25T23:00']],
  ['a quarter-hour', 'Australia/Eucla', '2026-07-01', ['2026-06-30T15:15', '2026-07-01T15:15']],
  ['a day without midnight', 'Africa/Cairo', '2026-04-24', ['2026-04-23T22:00', '2026-04-24T21:00']],
  ['a day with two midnights', 'America/Havana', '2026-11-01', ['2026-11-01T04:00', '2026-11-02T05:00']],
  ['a day that was skipped', 'Pacific/Apia', '2011-12-30', ['2011-12-30T10:00', '2011-12-30T10:00']],
  ['the greatest offset', 'Pacific/Kiritimati', '2026-01-01', ['2025-12-31T10:00', '2026-01-01T10:00']],
  ['the smallest offset', 'Etc/GMT+12', '2026-01-01', ['2026-01-01T12:00', '2026-01-02T12:00']],
])('finds the bounds of a day with %s', (_name, timeZone, day, expected) => {
  expect(startsOf(day, day, timeZone)).toEqual(expected);
});

it('finds the same bounds for a day, whether the range begins with it or before it', () => {
  for (const timeZone of ['Europe/Lisbon', 'Africa/Cairo', 'America/Havana', 'Asia/Kathmandu', 'Australia/Lord_Howe']) {
    const { localDays = [] } = periodOfDays({ from: '2026-01-01', to: '2026-12-31', timeZone });
    expect(localDays).toHaveLength(365);
    for (const { day, start } of localDays ?? []) expect(startsOf(day, day, timeZone)[0]).toBe(start);
  }
});

it('accepts the first and the last day of the calendar', () => {
  for (const timeZone of ['UTC', 'Asia/Tokyo']) {
    for (const day of ['0000-01-01', '9999-12-31']) expect(() => startsOf(day, day, timeZone)).not.toThrow();
  }
});
