/** The form for visitors who ask to be contacted. */
export interface LeadForm {
  readonly title: string;
  readonly fields: readonly LeadField[];
}

/** One question of a lead form. `name`, `email` and `phone` are fields of the lead; all others are custom fields. */
export interface LeadField {
  readonly name: string;
  readonly label: string;
  readonly isRequired: boolean;
}
