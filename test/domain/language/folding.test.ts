import { describe, expect, it } from 'vitest';
import { foldText, foldVietnamese, isVietnamese } from '../../../src/domain/language/folding.ts';

describe('foldText', () => {
  it.each([
    ['ignores case, accents and width', 'CAFÉ ｃａｆé', 'cafe cafe'],
    ['writes ß as ss', 'Straße STRAẞE', 'strasse strasse'],
    ['makes no difference between Turkish i with and without a dot', 'Iğdır İzmir', 'igdir izmir'],
    ['has one form of the Greek sigma', 'ΟΔΟΣ οδός', 'οδοσ οδοσ'],
    ['has one form of Arabic alef', 'أحمد إحمد آحمد', 'احمد احمد احمد'],
    ['writes Persian letters as Arabic ones', 'کتابی', 'كتابي'],
    ['writes the digits of all scripts as 0 to 9', '٤٥ ۴۵ ४५ ๔๕ ４５', '45 45 45 45 45'],
    ['joins a word that is divided at the end of a line', 'deli-\n  very', 'delivery'],
    ['keeps a hyphen before a capital letter', 'Wi-\nFi', 'wi-\nfi'],
    ['drops soft hyphens', 'deli\u00advery', 'delivery'],
    ['drops an English genitive', 'Newton’s apple, dogs’ bowls', 'newton apple, dogs’ bowls'],
    ['drops French and Italian articles', "l'eau qu'il dell'anno", ' eau  il  anno'],
    ['keeps what an apostrophe separates otherwise', "o'clock rock'n'roll", "o'clock rock'n'roll"],
  ])('%s', (_, text, folded) => {
    expect(foldText(text)).toBe(folded);
  });

  it('folds its own result to the same text', () => {
    const text = foldText("Straße l'ÉTÉ ΟΔΟΣ کتابی ４５ naïve");
    expect(foldText(text)).toBe(text);
  });
});

describe('foldVietnamese', () => {
  it('keeps the accents, which tell words from each other', () => {
    expect(foldVietnamese('Chợ CHÓ')).toBe('chợ chó');
  });
});

describe('isVietnamese', () => {
  it.each([
    ['Phí vận chuyển là ba mươi nghìn đồng.', true],
    ['Le café est à côté de la forêt.', false],
    ['The restaurant serves phở and coffee, tea, juice, water and cakes every day.', false],
    ['', false],
  ])('tells the language of %j', (text, expected) => {
    expect(isVietnamese(text)).toBe(expected);
  });
});
