"""Headers in English: Google's, Outlook's, Apple's, LinkedIn's, Yahoo's, Thunderbird's, and plain words."""

WORDS = {
    "display_name": "Name; Full Name; Display Name; Contact Name; Contact; Person; Formatted Name; Fullname; Who",
    "name.prefix": "Name Prefix; Prefix; Title; Honorific; Salutation; Courtesy Title; Mr/Mrs",
    "name.given": "First Name; Given Name; First; Forename; Firstname; Christian Name; Given",
    "name.middle": "Middle Name; Middle; Additional Name; Middle Names; Second Name",
    "name.family": "Last Name; Family Name; Last; Surname; Lastname; Family",
    "name.suffix": "Name Suffix; Suffix; Generational Suffix",
    "name.nickname": "Nickname; Nick Name; Short Name; Alias; Known As",
    "email": "E-mail Value; E-mail; E-mail Address; Mail; Primary Email; Secondary Email; "
    "Primary Email Address; Mail Address; Additional Email; Emails; E-mail Addresses; "
    "Email ID; Alternate Email; Main Email; Alternate Email Address",
    "email.home": "Home E-mail; Personal Email; Private Email; E-mail Home; Email Personal; "
    "Home Email Address; Personal Email Address",
    "email.work": "Work E-mail; Business Email; E-mail Work; Company Email; Office Email; "
    "Work Email Address; Business Email Address",
    "email.other": "Other E-mail; Other Email Address; E-mail Other",
    "phone": "Phone Value; Phone; Telephone; Phone Number; Tel; Telephone Number; Number; Phones; "
    "Contact Number; Phone No; Ph; Phone Numbers",
    "phone.main": "Primary Phone; Main Phone; Phone Main; Main Number",
    "phone.home": "Home Phone; Home; Private Phone; Home Telephone; Phone Home; Home Number; "
    "Home Phone Number; Home Tel; Landline",
    "phone.work": "Business Phone; Work Phone; Office Phone; Work; Phone Work; Work Number; "
    "Work Telephone; Business Telephone; Company Main Phone; Work Phone Number; "
    "Office Number; Assistant's Phone; Company Phone",
    "phone.mobile": "Mobile Phone; Mobile; Cell Phone; Cell; Mobile Number; Cellular; Handphone; "
    "Mobile Telephone; Phone Mobile; Car Phone; Cellphone; Mobile No; Cell Number; "
    "Mobile Phone Number; iPhone; WhatsApp; Cell Phone Number",
    "phone.other": "Other Phone; Phone Other; Callback; Radio Phone; Telex; TTY/TDD Phone; ISDN; Other; Other Number",
    "phone.fax": "Fax; Fax Number; Business Fax; Home Fax; Other Fax; Work Fax; Facsimile; Fax Work; Fax Home",
    "phone.pager": "Pager; Pager Number; Beeper",
    "organization.name": "Organization Name; Company; Organization; Company Name; Organisation; Firm; Employer; "
    "Business; Organisation Name",
    "organization.title": "Organization Title; Job Title; Position; Role; Occupation; Profession; Designation; "
    "Jobtitle",
    "organization.department": "Organization Department; Department; Dept; Division; Unit",
    "birthday": "Birthday; Birth Date; Date of Birth; Birthdate; DOB; Born",
    "notes": "Notes; Note; Comment; Comments; Remarks; Remark; Description; Memo; Comments and Notes",
    "urls": "Website Value; Web Page; URL; Website; Homepage; Home Page; Personal Web Page; "
    "Personal Website; Web; Blog; Link; LinkedIn; Business Website; Web Page Home; "
    "Web Page Work; Profile URL; Web Site; LinkedIn URL; Websites; URLs",
    "labels": "Labels; Group Membership; Categories; Category; Groups; Group; Tags; Tag; Label; Lists; Keywords",
    "address.formatted": "Address Formatted; Address; Full Address; Postal Address; Mailing Address; Addresses; "
    "Location Address",
    "address.home.formatted": "Home Address; Private Address; Address Home",
    "address.work.formatted": "Business Address; Work Address; Office Address; Address Work; Company Address",
    "address.other.formatted": "Other Address",
    "address.street": "Address Street; Street; Street Address; Address Line; Road; Street Name",
    "address.city": "Address City; City; Town; Locality; Suburb; City Town",
    "address.region": "Address Region; State; Region; Province; County; State Province; State Region",
    "address.postal_code": "Address Postal Code; Postal Code; Zip; ZIP Code; Postcode; Post Code; Zip Postal Code",
    "address.country": "Address Country; Country; Country/Region; Nation; Country Code",
    "address.home.street": "Home Street; Home Address Street; Home Street Address; Home Address Line",
    "address.home.city": "Home City; Home Address City",
    "address.home.region": "Home State; Home Region; Home Address State; Home Province",
    "address.home.postal_code": "Home Postal Code; Home ZIP; Home ZipCode; Home Address Postal Code; Home Postcode; "
    "Home Zip Code",
    "address.home.country": "Home Country; Home Country/Region; Home Address Country",
    "address.work.street": "Business Street; Work Street; Business Address Street; Work Address Street; Company Street",
    "address.work.city": "Business City; Work City; Business Address City; Work Address City",
    "address.work.region": "Business State; Work State; Business Address State; Work Region; Work Province",
    "address.work.postal_code": "Business Postal Code; Work ZIP; Work ZipCode; Business Zip; Work Postal Code; "
    "Business Address Postal Code",
    "address.work.country": "Business Country; Business Country/Region; Work Country; Business Address Country",
    "address.other.street": "Other Street; Other Address Street",
    "address.other.city": "Other City; Other Address City",
    "address.other.region": "Other State; Other Address State",
    "address.other.postal_code": "Other Postal Code; Other Address Postal Code",
    "address.other.country": "Other Country; Other Country/Region; Other Address Country",
    "kind:email": "E-mail Label; E-mail Type",
    "kind:phone": "Phone Label; Phone Type",
    "kind:address": "Address Label; Address Type",
    "kind:organization": "Organization Type; Organization Label",
    "kind:urls": "Website Label; Website Type",
    "beside:email": "E-mail Display Name",
    "ignore": "Error; File As; Photo; Phonetic First Name; Phonetic Middle Name; Phonetic Last Name; "
    "Yomi Name; Given Name Yomi; Additional Name Yomi; Family Name Yomi; Given Yomi; "
    "Surname Yomi; Company Yomi; Initials; Gender; Language; Sensitivity; Priority; Subject; "
    "Billing Information; Directory Server; Mileage; Internet Free Busy; Private; "
    "Keywords Yomi; Organization Yomi Name; Organization Symbol; Organizational ID Number; "
    "Government ID Number; Account; User; Connected On; Phonetic Organization Name; "
    "Organization Location; Organization Job Description; Birth Year; Birth Month; "
    "Birth Day; Record Id; Id; UID; Image; Picture",
}
